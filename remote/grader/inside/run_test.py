"""The benchmark's own test, run in a guest of its own, far from the program that it tests.

The test is foreign text too: it comes from a data set. It runs in the same kind of sandbox as the program, and not in
the same guest. `candidate` is a stub: its arguments go out through the door, to the slot, which carries them to the
program's guest and brings back plain values of exact types, so that nothing the program returns can compare equal to
what it is not. The slot ends us at the time limit.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import door
import tagged

_TEST_NAME = "<test>"


class _Stopped(BaseException):
    """Ends the test at once, with a verdict, past any `except Exception` of the test."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


def _raise_as_program_did(error: Any) -> NoReturn:
    """Raises the built-in exception that the program raised, since a test may expect it; others end the test."""
    name = error.get("type") if isinstance(error, dict) else None
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    reason = tagged.describe_error(error)
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


def _stub(way_out: door.Door) -> Callable[..., Any]:
    count = 0

    def candidate(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        try:
            frame = tagged.dumps({"call": count, "args": tagged.encode(args), "kwargs": tagged.encode(kwargs)})
        except tagged.Unsupported as error:
            raise _Stopped("grader_failed", f"the test calls with what cannot be sent: {error}") from None
        if len(frame) >= door.MAX_FRAME:
            raise _Stopped("grader_failed", "the test calls with what is too large to be sent")
        try:
            reply = tagged.loads(way_out.exchange(b"C" + frame))
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


def run_test(prompt: str, test: str, entry_point: str, way_out: door.Door) -> tuple[str, str]:
    """Runs HumanEval's `check(candidate)`; the prompt's helpers are there, its entry point is the stub.

    Returns the verdict and the reason.
    """
    candidate = _stub(way_out)
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


def main() -> None:
    """Says ready, takes the test, runs it, says the verdict."""
    way_out = door.connect()
    sys.path[:] = [path for path in sys.path if not path.endswith("/inside")]  # our names are not the test's
    task = tagged.loads(way_out.exchange(b'{"stage":"ready"}'))
    verdict, reason = run_test(task["prompt"], task["test"], task["entry_point"], way_out)
    told = reason[:1000].encode("utf-8", "replace").decode()
    way_out.exchange(b"V" + tagged.dumps({"verdict": verdict, "reason": told}))


if __name__ == "__main__":
    main()
