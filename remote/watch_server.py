"""Watches one model server on this machine until it is ready or gone, and tells each change as a line of JSON.

    python watch_server.py --job-dir DIR --url http://127.0.0.1:8000 --model NAME --key-file FILE
                           --log FILE --log-offset N --phases JSON

It runs beside the server, so that how soon a change is seen does not hang on the connection's round trip. Ready means:
the job lives, /health answers 200, /v1/models lists the model, and one completion came back through the chat template.
`--phases` is a list of [phase, regular expression]; the last line of the log that matches names the phase.

Lines: {"phase": …, "detail": …, "elapsedMs": …}, {"quietMs": …, "lastLine": …}, and at the end one of
{"ready": true, "probeText": …, "models": […], "elapsedMs": …, "healthToProbeMs": …}, {"ended": true},
{"refused": reason}.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import sys
import time
import urllib.error
import urllib.request

INTERVAL_S = 0.15
QUIET_S = 60.0
BODY_LIMIT = 1 << 20
# The probe runs through a queue of nothing else; a model that needs longer for 16 tokens is not one to measure with.
PROBE_LIMIT_S = 300.0


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


class Watch:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.job_dir: pathlib.Path = arguments.job_dir
        self.url: str = arguments.url.rstrip("/")
        self.model: str = arguments.model
        self.key: str = arguments.key_file.read_text(encoding="utf-8").strip() if arguments.key_file else ""
        self.log: pathlib.Path = arguments.log
        self.offset: int = arguments.log_offset
        self.phases = [(phase, re.compile(pattern)) for phase, pattern in json.loads(arguments.phases)]
        self.rest = b""
        self.last_line = ""
        self.told = ("", "")
        self.told_at = 0.0
        self.started = time.monotonic()
        self.changed = self.started
        self.quiet_told = self.started
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    def has_ended(self) -> bool:
        """The end is written by the job's wrapper; a wrapper that is gone without writing one has ended too."""
        if (self.job_dir / "exit.json").exists():
            return True
        try:
            pid = json.loads((self.job_dir / "pid.json").read_text(encoding="utf-8"))["pid"]
            os.kill(int(pid), 0)
        except PermissionError:
            return False
        except (OSError, ValueError, KeyError, TypeError):
            return True
        return False

    def read_log(self) -> None:
        try:
            with self.log.open("rb") as file:
                file.seek(self.offset)
                new = file.read(1 << 20)
        except OSError:
            return
        if not new:
            return
        self.offset += len(new)
        self.changed = time.monotonic()
        # Progress bars rewrite their line with \r: each rewrite is a line of its own here.
        *lines, self.rest = re.split(rb"[\r\n]", self.rest + new)
        self.rest = self.rest[-4096:]
        for raw in lines:
            line = raw[-2000:].decode(errors="replace").strip()
            if not line:
                continue
            self.last_line = line
            for phase, pattern in self.phases:
                match = pattern.search(line)
                if match:
                    self.tell_phase(phase, match.groupdict().get("detail") or "")

    def tell_phase(self, phase: str, detail: str) -> None:
        now = time.monotonic()
        if phase == self.told[0] and (detail == self.told[1] or now - self.told_at < 1):
            return
        self.told, self.told_at = (phase, detail), now
        say(phase=phase, detail=detail[:200], elapsedMs=self.elapsed_ms())

    def ask(self, path: str, body: object = None, timeout_s: float = 5) -> tuple[int, bytes]:
        """Status and body; (0, reason) where nothing answered."""
        request = urllib.request.Request(self.url + path, headers={"content-type": "application/json"})
        if self.key:
            request.add_header("authorization", f"Bearer {self.key}")
        text = None if body is None else json.dumps(body).encode()
        try:
            with self.opener.open(request, text, timeout=timeout_s) as answer:
                return answer.status, answer.read(BODY_LIMIT)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(BODY_LIMIT)
        except (OSError, ValueError) as error:
            return 0, str(error).encode()

    def lists_model(self, body: bytes) -> tuple[bool, list[str]]:
        try:
            models = [str(entry["id"])[:200] for entry in json.loads(body)["data"]]
        except (ValueError, KeyError, TypeError):
            return False, []
        return self.model in models, models[:50]

    def try_ready(self) -> bool:
        """True when there is nothing more to wait for: ready, or refused for a reason that waiting does not mend."""
        status, _ = self.ask("/health")
        if status != 200:
            return False
        healthy_at = time.monotonic()
        status, body = self.ask("/v1/models")
        if status in (401, 403):
            say(refused=f"/v1/models answers {status}: the server on this port has another key, so it is not ours")
            return True
        if status != 200:
            return False
        listed, models = self.lists_model(body)
        if not listed:
            say(refused=f"/v1/models does not list {self.model!r} but {models}: another server is on this port")
            return True
        self.tell_phase("warming up", "one completion")
        probe_at = time.monotonic()
        question = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 16,
            "temperature": 0,
        }
        status, body = self.ask("/v1/chat/completions", question, PROBE_LIMIT_S)
        if status in (0, 429, 500, 502, 503, 504):
            return False
        if status != 200:
            say(refused=f"the first completion was refused with {status}: {body[:500].decode(errors='replace')}")
            return True
        try:
            message = json.loads(body)["choices"][0]["message"]
            text = message.get("content") or message.get("reasoning_content") or message.get("reasoning") or ""
            if not isinstance(text, str):
                raise TypeError("content is no text")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            seen = body[:300].decode(errors="replace")
            say(refused=f"the first completion's answer cannot be read ({error}): {seen}")
            return True
        say(
            ready=True,
            probeText=text[:2000],
            models=models,
            elapsedMs=self.elapsed_ms(),
            healthToProbeMs=round((probe_at - healthy_at) * 1000),
        )
        return True

    def run(self) -> None:
        while True:
            self.read_log()
            if self.has_ended():
                self.read_log()
                say(ended=True)
                return
            if self.try_ready():
                return
            now = time.monotonic()
            if now - max(self.changed, self.quiet_told) > QUIET_S:
                say(quietMs=round((now - self.changed) * 1000), lastLine=self.last_line[:300])
                self.quiet_told = now
            time.sleep(INTERVAL_S)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--job-dir", type=pathlib.Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--key-file", type=pathlib.Path)
    parser.add_argument("--log", type=pathlib.Path, required=True)
    parser.add_argument("--log-offset", type=int, default=0)
    parser.add_argument("--phases", default="[]")
    try:
        Watch(parser.parse_args()).run()
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)


if __name__ == "__main__":
    main()
