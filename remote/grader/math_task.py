"""Mathematical answers, compared by math-verify in a guest that is kept open, and replaced when it hangs or is old."""

from __future__ import annotations

import time
from typing import Any

from .code_task import SandboxFailed, start_guest
from .inside import tagged
from .sandbox import Guest, GuestEnded, GuestMisbehaved, GuestTimedOut, Limits, Sandbox

#: A guest's processor limit is of its whole life, so it is given one and replaced well before.
_LIFE_S = 3600.0
_TASKS_A_GUEST = 500
_MEMORY_BYTES = 1536 * 1024 * 1024


class MathGrader:
    """One slot's comparer."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._guest: Guest | None = None
        self._done = 0

    def close(self) -> None:
        """Ends the guest."""
        if self._guest is not None:
            self._guest.close()
            self._guest = None
        self._done = 0

    def _ask(self, task: dict[str, Any], limit_s: float) -> dict[str, Any]:
        if self._guest is None or self._done >= _TASKS_A_GUEST:
            self.close()
            self._guest = start_guest(self._sandbox, "math_answers.py", Limits(_LIFE_S, memory_bytes=_MEMORY_BYTES))
        self._done += 1
        deadline = time.monotonic() + limit_s * self._sandbox.time_scale
        number = self._done
        request = {"task": number, "answer": task["answer"], "text": task["text"], "target": task["target"]}
        try:
            self._guest.send(tagged.dumps(request), deadline)
            reply = tagged.loads(self._guest.receive(deadline))
        except BaseException:
            self.close()
            raise
        if not isinstance(reply, dict) or reply.get("task") != number:
            self.close()
            raise SandboxFailed("the comparer answered another question")
        return reply

    def grade(self, task: dict[str, Any]) -> dict[str, Any]:
        """The verdict on `task` (answer or None, text, target, time_limit_s): decided, or grader_failed."""
        limit_s = float(task.get("time_limit_s") or 10.0)
        reason = ""
        for _attempt in range(2):
            try:
                reply = self._ask(task, limit_s)
            except GuestTimedOut:
                reason = f"math-verify found no end within {limit_s * self._sandbox.time_scale:g} s"
                continue
            except (GuestEnded, GuestMisbehaved, tagged.Unsupported) as error:
                reason = f"math-verify's process ended: {error}"[:300]
                continue
            if "broken" in reply:
                return {"verdict": "grader_failed", "reason": str(reply["broken"])[:300]}
            score, answer = reply.get("score"), reply.get("answer")
            if type(score) is not int or score not in (0, 1) or not (answer is None or type(answer) is str):
                reason = "math-verify's process answered with what is no verdict"
                self.close()
                continue
            return {"verdict": "decided", "score": score, "answer": answer, "reason": str(reply.get("reason"))[:300]}
        return {"verdict": "grader_failed", "reason": reason}
