"""One program against one test: a fresh guest, a referee, and us between them carrying messages we do not believe."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from typing import Any

from . import referee
from .channel import Channel, ChannelClosed, ChannelTimeout, FrameTooLarge
from .inside import tagged
from .sandbox import Guest, GuestEnded, GuestMisbehaved, GuestTimedOut, Limits, Sandbox

Verdict = dict[str, Any]


def _verdict(name: str, reason: str) -> Verdict:
    return {"verdict": name, "reason": reason.replace("\x00", "")[:1000]}


class SandboxFailed(Exception):
    """The guest did not come to the point where the program starts, or was killed from elsewhere: not its fault."""


class GuestKilled(SandboxFailed):
    """Killed while the program ran: by the system for want of memory, or by itself. Told apart by a second try."""


def start_guest(sandbox: Sandbox, script: Any, limits: Limits) -> Guest:
    """A guest that has said it is ready. Raises SandboxFailed."""
    try:
        guest = sandbox.launch(script, limits)
    except (OSError, ChannelClosed, ChannelTimeout) as error:
        raise SandboxFailed(f"the guest could not be started: {type(error).__name__}: {error}") from None
    try:
        ready = tagged.loads(guest.receive(time.monotonic() + sandbox.startup_s))
        if not isinstance(ready, dict) or ready.get("stage") != "ready":
            raise SandboxFailed("the guest did not say that it is ready")
        return guest
    except GuestEnded as error:
        guest.close()
        raise SandboxFailed(f"the guest ended before it was ready: {error.detail}") from None
    except (GuestTimedOut, GuestMisbehaved, tagged.Unsupported):
        guest.close()
        raise SandboxFailed("the guest was not ready in time") from None
    except BaseException:
        guest.close()
        raise


def _ended(error: GuestEnded) -> Verdict:
    if error.signal == signal.SIGXCPU:
        return _verdict("timed_out", "the program used up its processor time")
    if error.signal == signal.SIGKILL:
        raise GuestKilled("the program's process was killed (SIGKILL), by itself or for want of memory")
    if "memory" in error.detail.lower():
        return _verdict("out_of_memory", f"the program's process ended: {error.detail}")
    return _verdict("runtime_error", f"the program's process ended before it answered: {error.detail}")


def _load(guest: Guest, task: dict[str, Any], deadline: float) -> Verdict | None:
    """Hands the program over; a verdict if it cannot be called at all."""
    guest.send(tagged.dumps({"program": task["program"], "entry_point": task["entry_point"]}), deadline)
    try:
        reply = tagged.loads(guest.receive(deadline))
    except tagged.Unsupported:
        return _verdict("runtime_error", "the program spoke in the runner's place")
    stage = reply.get("stage") if isinstance(reply, dict) else None
    if stage == "loaded":
        return None
    error = reply.get("error") if isinstance(reply, dict) else None
    told = referee.describe_error(error)
    if stage == "compile":
        return _verdict("did_not_compile", told)
    if isinstance(error, dict) and error.get("type") == "MemoryError":
        return _verdict("out_of_memory", told)
    return _verdict("runtime_error", told)


class _Referee:
    """The forked child that runs the test, and our socket to it."""

    def __init__(self, task: dict[str, Any], wall_s: float) -> None:
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            channel = Channel(theirs.fileno(), theirs.fileno())
            referee.child_main(task["prompt"], task["test"], task["entry_point"], channel, wall_s)
        theirs.close()
        self._socket = ours
        self.channel = Channel(ours.fileno(), ours.fileno())

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._socket.close()


def _carry(guest: Guest, judge: _Referee, deadline: float) -> Verdict:
    """Carries calls in and answers out until the referee has decided."""
    while True:
        frame = judge.channel.receive(deadline)
        if frame[:1] == b"V":
            decided = json.loads(frame[1:])
            return _verdict(decided["verdict"], decided["reason"])
        guest.send(frame[1:], deadline)
        judge.channel.send(guest.receive(deadline), deadline)


def grade_code(sandbox: Sandbox, task: dict[str, Any]) -> Verdict:
    """The verdict on `task` (program, prompt, test, entry_point, time_limit_s). Raises SandboxFailed."""
    wall_s = float(task["time_limit_s"]) * sandbox.time_scale
    guest = start_guest(sandbox, "run_program.py", Limits(wall_s=wall_s))
    judge: _Referee | None = None
    deadline = time.monotonic() + wall_s
    try:
        early = _load(guest, task, deadline)
        if early is not None:
            return early
        judge = _Referee(task, wall_s)
        return _carry(guest, judge, deadline)
    except (GuestTimedOut, ChannelTimeout):
        return _verdict("timed_out", f"no end within {wall_s:g} s")
    except (GuestMisbehaved, FrameTooLarge):
        return _verdict("failed", "the result is too large")
    except GuestEnded as error:
        return _ended(error)
    except ChannelClosed:
        # Only what the program returned could make the referee end by its limits (time, memory).
        return _verdict("failed", "the check could not go on with what the program returned")
    finally:
        guest.close()
        if judge is not None:
            judge.close()
