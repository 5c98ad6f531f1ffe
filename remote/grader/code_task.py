"""One program against one test: a fresh guest for each, and us between them carrying messages we do not believe."""

from __future__ import annotations

import signal
import time
from typing import Any

from .channel import ChannelClosed, ChannelTimeout
from .inside import tagged
from .sandbox import Guest, GuestEnded, GuestMisbehaved, GuestTimedOut, Limits, Sandbox

Verdict = dict[str, Any]

_REFEREE_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
#: What a test may decide.
_DECISIONS = frozenset({"passed", "failed", "runtime_error", "out_of_memory", "grader_failed"})


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
    told = tagged.describe_error(error)
    if stage == "compile":
        return _verdict("did_not_compile", told)
    if isinstance(error, dict) and error.get("type") == "MemoryError":
        return _verdict("out_of_memory", told)
    return _verdict("runtime_error", told)


def _referee_limits(wall_s: float) -> Limits:
    return Limits(wall_s=wall_s, memory_bytes=_REFEREE_MEMORY_BYTES)


def _decided(body: bytes) -> Verdict:
    """The referee's verdict. The test that decides it is foreign text: it may lie, but only in these words."""
    try:
        said = tagged.loads(body)
    except tagged.Unsupported:
        said = None
    name, reason = (said.get("verdict"), said.get("reason")) if isinstance(said, dict) else (None, None)
    if type(name) is not str or name not in _DECISIONS or type(reason) is not str:
        return _verdict("grader_failed", "the test said what is no verdict")
    return _verdict(name, reason)


def _carry(guest: Guest, referee: Guest, task: dict[str, Any], deadline: float) -> Verdict:
    """Hands the test to the referee, carries calls in and answers out until it has decided."""
    answer = tagged.dumps({name: task[name] for name in ("prompt", "test", "entry_point")})
    while True:
        try:
            referee.send(answer, deadline)
            frame = referee.receive(deadline)
        except GuestEnded:
            # Mostly by what the program returned: it made the test come to its limits (time, memory).
            return _verdict("failed", "the check could not go on with what the program returned")
        if frame[:1] == b"V":
            return _decided(frame[1:])
        if frame[:1] != b"C":
            return _verdict("grader_failed", "the test said what is no call")
        guest.send(frame[1:], deadline)
        answer = guest.receive(deadline)


def grade_code(sandbox: Sandbox, referees: Sandbox, task: dict[str, Any]) -> Verdict:
    """The verdict on `task` (program, prompt, test, entry_point, time_limit_s). Raises SandboxFailed.

    The program runs in a guest of `sandbox`, its test in one of `referees`: the same kind, and two, since a sandbox may
    be good for one guest at a time.
    """
    wall_s = float(task["time_limit_s"]) * sandbox.time_scale
    referee = start_guest(referees, "run_test.py", _referee_limits(wall_s))
    try:
        guest = start_guest(sandbox, "run_program.py", Limits(wall_s=wall_s))
    except BaseException:
        referee.close()
        raise
    deadline = time.monotonic() + wall_s
    try:
        early = _load(guest, task, deadline)
        return early if early is not None else _carry(guest, referee, task, deadline)
    except GuestTimedOut:
        return _verdict("timed_out", f"no end within {wall_s:g} s")
    except GuestMisbehaved:
        return _verdict("failed", "the result is too large")
    except GuestEnded as error:
        return _ended(error)
    finally:
        guest.close()
        referee.close()
