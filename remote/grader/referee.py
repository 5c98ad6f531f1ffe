"""The benchmark's own test, run in a trusted process of its own, far from the program that it tests.

`candidate` is a stub: it sends its arguments away and gets back plain values of exact types, so that nothing the
program returns can compare equal to what it is not. One socket leads to its slot, which kills it at the time limit.
"""

from __future__ import annotations

import builtins
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from .channel import Channel, ChannelClosed, ChannelTimeout
from .inside import tagged
from .lifetime import die_with_parent

MEMORY_BYTES = 2 * 1024 * 1024 * 1024
_TEST_NAME = "<test>"
_FOREVER_S = 3600.0


class _Stopped(BaseException):
    """Ends the test at once, with a verdict, past any `except Exception` of the test."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


def describe_error(error: Any) -> str:
    """`TypeError at line 3: message` from what a guest said of an error; everything in it is foreign."""
    if not isinstance(error, dict):
        return "an error"
    line = error.get("line")
    where = f" at line {line}" if type(line) is int else ""
    return f"{str(error.get('type'))[:100]}{where}: {str(error.get('message'))[:300]}"


def _raise_as_program_did(error: Any) -> NoReturn:
    """Raises the built-in exception that the program raised, since a test may expect it; others end the test."""
    name = error.get("type") if isinstance(error, dict) else None
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    reason = describe_error(error)
    if name == "MemoryError":
        raise _Stopped("out_of_memory", reason)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            raised = kind(str(error.get("message")))
        except TypeError:
            raise _Stopped("runtime_error", reason) from None
        raised.program_reason = reason  # type: ignore[attr-defined]
        raise raised
    raise _Stopped("runtime_error", reason)


def _stub(channel: Channel) -> Callable[..., Any]:
    count = 0

    def candidate(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        deadline = time.monotonic() + _FOREVER_S  # the slot keeps the real one
        try:
            request = {"call": count, "args": tagged.encode(args), "kwargs": tagged.encode(kwargs)}
            channel.send(b"C" + tagged.dumps(request), deadline)
        except tagged.Unsupported as error:
            raise _Stopped("grader_failed", f"the test calls with what cannot be sent: {error}") from None
        try:
            reply = tagged.loads(channel.receive(deadline))
            if not isinstance(reply, dict) or reply.get("call") != count or type(reply["call"]) is not int:
                raise tagged.Unsupported("an answer to another question")
            if "unsupported" in reply:
                raise _Stopped("failed", str(reply["unsupported"])[:200])
            if "value" not in reply:
                _raise_as_program_did(reply.get("error"))
            return tagged.decode(reply["value"])
        except tagged.Unsupported as error:
            raise _Stopped("failed", f"the program's answer is not one: {error}") from None

    return candidate


def _failed_line(error: BaseException, test: str) -> str:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _TEST_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    lines = test.splitlines()
    return lines[line - 1].strip()[:300] if line is not None and 0 < line <= len(lines) else ""


def run_test(prompt: str, test: str, entry_point: str, channel: Channel) -> tuple[str, str]:
    """Runs HumanEval's `check(candidate)`; the prompt's helpers are there, its entry point is the stub.

    Returns the verdict and the reason.
    """
    candidate = _stub(channel)
    names: dict[str, Any] = {"__name__": "test"}
    try:
        exec(compile(prompt, "<prompt>", "exec", dont_inherit=True), names)
    except SyntaxError:
        pass  # a prompt that is no program by itself has no helpers to lend
    names[entry_point] = candidate
    try:
        exec(compile(test, _TEST_NAME, "exec", dont_inherit=True), names)
        names[entry_point] = candidate
        names["check"](candidate)
    except _Stopped as stop:
        return stop.verdict, stop.reason
    except (MemoryError, RecursionError) as error:
        return "failed", f"the check could not go on with what the program returned ({type(error).__name__})"
    except Exception as error:
        reason = getattr(error, "program_reason", None)
        if reason is not None:
            return "runtime_error", reason
        # What the program returned may make the test itself stumble (None < 3): that is a failure of the answer.
        told = f" {error}" if isinstance(error, AssertionError) and str(error) else f" ({type(error).__name__})"
        kind = "assertion" if isinstance(error, AssertionError) else "check"
        return "failed", f"{kind} failed: {_failed_line(error, test)}{told}"[:500]
    return "passed", "all assertions hold"


def child_main(prompt: str, test: str, entry_point: str, channel: Channel, wall_s: float) -> NoReturn:
    """The forked child: limits, silence, the test, one verdict, the end."""
    try:
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        cpu_s = int(wall_s) + 2
        limits = [(resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
        if sys.platform.startswith("linux"):
            limits.append((resource.RLIMIT_AS, MEMORY_BYTES))
        for what, value in limits:
            resource.setrlimit(what, (value, value))
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        verdict, reason = run_test(prompt, test, entry_point, channel)
        body = tagged.dumps({"verdict": verdict, "reason": reason.encode("utf-8", "replace").decode()})
        channel.send(b"V" + body, time.monotonic() + 10)
    except (ChannelClosed, ChannelTimeout):
        pass
    finally:
        os._exit(0)
