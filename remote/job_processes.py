"""Processes of this machine as a job's wrapper needs them: who lives, whose child it is, and what belongs to a job.

Linux reads /proc; elsewhere (macOS) `ps` is asked, which tells the same less exactly: start times to the second, and
the environment of own processes only as far as the system shows it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
from typing import NamedTuple

IS_LINUX = sys.platform.startswith("linux")
PROC = pathlib.Path("/proc")


class Process(NamedTuple):
    """`start` tells two processes of the same number apart (Linux: clock ticks since boot, field 22 of stat)."""

    pid: int
    parent: int
    uid: int
    start: str


@functools.cache
def boot_id() -> str:
    """Which boot of the machine this is; empty where it does not say."""
    if IS_LINUX:
        try:
            return (PROC / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""
    return _ask("sysctl", "-n", "kern.boottime").strip()


def start_of(pid: int) -> str | None:
    """The start time of a living process; None when there is none of that number, or only its zombie."""
    process = _read_process(pid) if IS_LINUX else _ask_ps(str(pid)).get(pid)
    return None if process is None else process.start


def list_processes() -> dict[int, Process]:
    """Every living process that can be seen."""
    if not IS_LINUX:
        return _ask_ps(None)
    found = (_read_process(int(name)) for name in os.listdir(PROC) if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def find_members(wrapper: int | None, marker: str) -> dict[int, Process]:
    """What belongs to a job: descendants of its wrapper, own processes that carry its marker, and their descendants.

    Neither the wrapper nor the asking process is among them. Descent finds what dropped its environment; the marker
    finds what lost its ancestors when the wrapper was killed.
    """
    processes = list_processes()
    marked = _find_marked(processes, marker)
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    rest = [*marked, *([] if wrapper is None else [wrapper])]
    seen: set[int] = set()
    while rest:
        pid = rest.pop()
        if pid not in seen:
            seen.add(pid)
            rest.extend(children.get(pid, []))
    return {pid: processes[pid] for pid in seen if pid in processes and pid not in (wrapper, os.getpid())}


def send(process: Process, number: signal.Signals) -> bool:
    """Signals exactly that process, never a later one of its number. False when it is gone or not ours to signal."""
    handle = None
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        except OSError:
            handle = None  # a kernel or sandbox without pidfd: the check below is then the best there is
    try:
        if start_of(process.pid) != process.start:
            return False
        if handle is None:
            os.kill(process.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
        return True
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        if handle is not None:
            os.close(handle)


def adopt_orphans() -> None:
    """Makes this process the parent of every descendant that loses its own (PR_SET_CHILD_SUBREAPER, Linux only)."""
    if not IS_LINUX:
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def _find_marked(processes: dict[int, Process], marker: str) -> list[int]:
    own = [process.pid for process in processes.values() if process.uid == os.geteuid()]
    wanted = f"GPU_EVAL_JOB={marker}"
    if not IS_LINUX:
        lines = _ask("ps", "-axEww", "-o", "pid=,command=").splitlines()
        carriers = {int(line.split(None, 1)[0]) for line in lines if wanted in line.split()}
        return [pid for pid in own if pid in carriers]
    marked = []
    for pid in own:
        with contextlib.suppress(OSError):
            if wanted.encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                marked.append(pid)
    return marked


def _read_process(pid: int) -> Process | None:
    folder = f"/proc/{pid}"
    try:
        with open(f"{folder}/stat", "rb") as file:
            text = file.read()
        uid = os.stat(folder).st_uid
    except OSError:
        return None
    # The program's name is in parentheses and may itself hold any of them.
    fields = text[text.rindex(b")") + 1 :].split()
    if fields[0] in (b"Z", b"X", b"x"):
        return None
    return Process(pid, int(fields[1]), uid, fields[19].decode())


def _ask(*argv: str) -> str:
    try:
        environment = {**os.environ, "LC_ALL": "C"}
        answer = subprocess.run(argv, capture_output=True, timeout=10, check=False, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode(errors="replace")


def _ask_ps(pid: str | None) -> dict[int, Process]:
    which = ["-ax"] if pid is None else ["-p", pid]
    found: dict[int, Process] = {}
    for line in _ask("ps", *which, "-o", "pid=,ppid=,uid=,stat=,lstart=").splitlines():
        fields = line.split(None, 4)
        if len(fields) == 5 and not fields[3].startswith("Z"):
            found[int(fields[0])] = Process(int(fields[0]), int(fields[1]), int(fields[2]), fields[4].strip())
    return found
