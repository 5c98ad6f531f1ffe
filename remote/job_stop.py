"""Ends the processes of a job: all of them, and nothing else."""

from __future__ import annotations

import pathlib
import signal
import time
from collections.abc import Callable
from typing import Any

from job_folder import JobError, locked, now, read_record, wrapper_pid, write_record
from job_processes import Process, find_members, send, start_of

STEP_S = 0.03
# How long a killed process may take to go before it counts as stuck.
KILL_LIMIT_S = 10.0
LOCK_LIMIT_S = 45.0


class Ending:
    """What ending a tree came to."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, str], Process] = {}
        self.killed: set[tuple[int, str]] = set()
        self.left: list[int] = []

    def report(self) -> dict[str, Any]:
        gone = [key for key in self.seen if key[0] not in self.left]
        return {
            "ended": len(gone),
            "killed": len([key for key in gone if key in self.killed]),
            "left": sorted(self.left),
        }


def end_tree(
    wrapper: int | None,
    marker: str,
    grace_s: float,
    asks: bool = True,
    between: Callable[[], None] = lambda: None,
) -> Ending:
    """SIGTERM to each member once (unless `asks` is False: somebody else asked), then, after the grace time, SIGKILL
    until none is left. Members that appear meanwhile are treated alike. `between` is called at each look."""
    ending = Ending()
    deadline = time.monotonic() + grace_s
    while True:
        between()
        members = find_members(wrapper, marker)
        if not members:
            return ending
        moment = time.monotonic()
        if moment > deadline + KILL_LIMIT_S:
            ending.left = list(members)
            return ending
        for process in members.values():
            key = (process.pid, process.start)
            is_new = key not in ending.seen
            ending.seen[key] = process
            if moment >= deadline:
                if send(process, signal.SIGKILL):
                    ending.killed.add(key)
            elif is_new and asks:
                send(process, signal.SIGTERM)
        time.sleep(STEP_S)


def stop(folder: pathlib.Path, grace_ms: int, request: str | None) -> dict[str, Any]:
    """Ends a job's tree, also when its wrapper was killed before. The report is a StopReport of src/core/job.ts.

    A request that comes again (its first answer was lost) gets the first one's report.
    """
    if read_record(folder / "pid.json") is None:
        return {"wasRunning": False, "ended": 0, "killed": 0, "left": []}
    with locked(folder, LOCK_LIMIT_S + grace_ms / 1000):
        before = read_record(folder / "stop.json")
        if request is not None and before is not None and before.get("request") == request and "report" in before:
            return dict(before["report"])
        record = read_record(folder / "pid.json") or {}
        marker = record.get("marker")
        if not isinstance(marker, str) or not marker:
            raise JobError("record_broken", f"{folder}/pid.json names no marker, so nothing of this job can be found")
        pid = wrapper_pid(record)
        asked = {"request": request, "marker": marker, "graceMs": grace_ms}
        write_record(folder / "stop.json", asked)
        if pid is not None:
            # Tells the wrapper that this end was asked for; see job_wrapper.py.
            send(Process(pid, 0, 0, record["start"]), signal.SIGUSR1)
        ending = end_tree(pid, marker, grace_ms / 1000)
        if pid is not None and not ending.left:
            await_end(Process(pid, 0, 0, record["start"]))
        was_running = pid is not None or bool(ending.seen)
        end = read_record(folder / "exit.json")
        if was_running and (end is None or end.get("marker") != marker) and not ending.left:
            write_record(folder / "exit.json", {"marker": marker, "signal": "SIGTERM", "endedAt": now()})
        report = {"wasRunning": was_running, **ending.report()}
        write_record(folder / "stop.json", {**asked, "report": report})
        return report


def await_end(wrapper: Process, limit_s: float = 5.0) -> None:
    """The wrapper goes by itself once its tree is gone; one that does not is killed, for its job is over."""
    deadline = time.monotonic() + limit_s
    while start_of(wrapper.pid) == wrapper.start and time.monotonic() < deadline + KILL_LIMIT_S:
        if time.monotonic() > deadline:
            send(wrapper, signal.SIGKILL)
        time.sleep(STEP_S)
