"""Detached jobs on this machine: work that outlives the login that asked for it.

    python -B job.py start DIR [--request ID]                     a JobSpec (src/core/job.ts) as JSON on stdin
    python -B job.py status DIR [DIR...]                          {"states": [JobState, ...]}
    python -B job.py spec DIR                                     {"spec": what it was last started with, or null}
    python -B job.py stop DIR --grace-ms N [--request ID]         a StopReport
    python -B job.py follow FILE OFFSET --job DIR [--no-follow] [--identity ID]

Each prints one JSON document on stdout; on failure that is {"error": {"reason": …, "message": …}} and the exit code is
1. `follow` prints the file's bytes instead and speaks on stderr, in lines of JSON: {"following": …} at once,
{"identity": …} when the file is open, {"error": …}.
`--request` makes a call repeatable whose answer was lost: the same id does nothing twice and gets the same answer.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from typing import Any

# Also where the login's environment says PYTHONSAFEPATH; and this folder holds what was copied here, nothing else.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from job_folder import JobError, parse_spec, read_record, read_state
from job_follow import follow
from job_stop import stop
from job_wrapper import start

SPEC_LIMIT = 16 << 20


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start", allow_abbrev=False)
    starting.add_argument("folder", type=pathlib.Path)
    starting.add_argument("--request")
    asking = commands.add_parser("status", allow_abbrev=False)
    asking.add_argument("folders", type=pathlib.Path, nargs="+")
    telling = commands.add_parser("spec", allow_abbrev=False)
    telling.add_argument("folder", type=pathlib.Path)
    stopping = commands.add_parser("stop", allow_abbrev=False)
    stopping.add_argument("folder", type=pathlib.Path)
    stopping.add_argument("--grace-ms", type=int, required=True)
    stopping.add_argument("--request")
    following = commands.add_parser("follow", allow_abbrev=False)
    following.add_argument("file", type=pathlib.Path)
    following.add_argument("offset", type=int)
    following.add_argument("--job", type=pathlib.Path, required=True)
    following.add_argument("--no-follow", action="store_true")
    following.add_argument("--identity")
    return parser.parse_args()


def answer(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.command == "start":
        spec = parse_spec(sys.stdin.buffer.read(SPEC_LIMIT))
        return start(arguments.folder, spec, arguments.request)
    if arguments.command == "status":
        return {"states": [read_state(folder) for folder in arguments.folders]}
    if arguments.command == "spec":
        return {"spec": read_record(arguments.folder / "job.json")}
    return stop(arguments.folder, max(0, arguments.grace_ms), arguments.request)


def say(**line: object) -> None:
    print(json.dumps(line), file=sys.stderr, flush=True)


def describe(error: JobError | OSError) -> dict[str, str]:
    reason = error.reason if isinstance(error, JobError) else "os"
    return {"reason": reason, "message": str(error)}


def main() -> int:
    arguments = read_arguments()
    if arguments.command == "follow":
        try:
            say(following=str(arguments.file))
            keep_on = not arguments.no_follow
            for identity in follow(arguments.file, arguments.offset, arguments.job, keep_on, arguments.identity):
                say(identity=identity)
        except (BrokenPipeError, KeyboardInterrupt):
            # Nobody reads any more; neither is there anybody to tell.
            os._exit(1)
        except (JobError, OSError) as error:
            say(error=describe(error))
            return 1
        return 0
    try:
        document = answer(arguments)
    except (JobError, OSError) as error:
        print(json.dumps({"error": describe(error)}))
        return 1
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
