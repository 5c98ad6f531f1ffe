"""Starts a job in a session of its own and stays with it until its end is on the disk."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import time
from types import FrameType
from typing import Any, NoReturn

from job_folder import MARKER_NAME, JobError, locked, make_secret, native, now, read_record, read_state, write_record
from job_processes import adopt_orphans, boot_id, find_members, send, start_of
from job_stop import LOCK_LIMIT_S, end_tree

SECRET_LIMIT = 64 << 10
# What its main process leaves behind is given this long to go by itself: short, for whoever waits for the job's end
# learns of it only then.
LEFTOVER_GRACE_S = 0.5
# Processes of a former run whose wrapper was killed.
ORPHAN_GRACE_S = 5.0


def start(folder: pathlib.Path, spec: dict[str, Any], request: str | None) -> dict[str, Any]:
    """Starts the job unless it runs, and returns once its program runs or could not be run.

    A request that comes again (its first answer was lost) starts nothing a second time, even when the job has ended.
    Raises JobError when the program cannot be run; exit.json then says 127.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(folder, LOCK_LIMIT_S) as lock:
        before = read_record(folder / "pid.json") or {}
        state = read_state(folder)
        is_repeated = request is not None and before.get("request") == request
        if state["kind"] == "running" or is_repeated:
            end = read_record(folder / "exit.json") if is_repeated else None
            if end is not None and end.get("failure"):
                raise JobError(end["failure"]["reason"], end["failure"]["message"])
            asked = read_record(folder / "job.json") or {}
            return {"alreadyRunning": not is_repeated, "state": state, "spec": asked}
        if isinstance(before.get("marker"), str) and before["marker"]:
            left = end_tree(None, before["marker"], ORPHAN_GRACE_S).left
            if left:
                raise JobError("orphans", f"processes of the last run of {folder} cannot be ended: {left}")
        for name in ("pid.json", "exit.json", "stop.json"):
            (folder / name).unlink(missing_ok=True)
        for path in spec.get("freshSecrets", []):
            make_secret(pathlib.Path(path))
        write_record(folder / "job.json", spec)
        detach(folder, spec, request, lock)
        return {"alreadyRunning": False, "state": read_state(folder), "spec": spec}


def detach(folder: pathlib.Path, spec: dict[str, Any], request: str | None, lock: int) -> None:
    """Forks the wrapper out of this session and waits for its word: an empty object, or why it could not start."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        wrapper = Wrapper(folder, spec, request, writer)
        try:
            os.close(reader)
            os.setsid()
            # The second fork can never get a controlling terminal, and its parent is nobody who waits for it.
            if os.fork() == 0:
                wrapper.run(lock)
        except (OSError, JobError, ValueError) as error:
            wrapper.tell_parent({"reason": "wrapper_died", "message": f"the wrapper of {folder} failed: {error}"})
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        word = pipe.read()
    if not word:
        raise JobError("wrapper_died", f"the wrapper of {folder} died before it could start anything")
    failure = json.loads(word)
    if failure:
        raise JobError(failure["reason"], failure["message"])


class Wrapper:
    """One run of one job, inside the detached process."""

    def __init__(self, folder: pathlib.Path, spec: dict[str, Any], request: str | None, parent: int) -> None:
        self.folder = folder.resolve()
        self.spec = spec
        self.request = request
        self.parent: int | None = parent
        self.marker = os.urandom(16).hex()
        self.stopped = False

    def run(self, lock: int) -> NoReturn:
        """Never returns. `lock` is let go once pid.json tells of this process: no second start slips between."""
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        # Handlers, for what is ignored here would be ignored in the program as well.
        signal.signal(signal.SIGHUP, self.pass_over)
        signal.signal(signal.SIGINT, self.pass_over)
        signal.signal(signal.SIGUSR1, self.note_stop)
        signal.signal(signal.SIGTERM, self.pass_on)
        os.chdir("/")
        adopt_orphans()
        self.release_streams(lock)
        write_record(
            self.folder / "pid.json",
            {
                "pid": os.getpid(),
                "start": start_of(os.getpid()),
                "boot": boot_id(),
                "marker": self.marker,
                "startedAt": now(),
                "request": self.request,
            },
        )
        os.close(lock)
        try:
            main = self.launch()
        except JobError as error:
            failure = {"reason": error.reason, "message": str(error)}
            self.record_end({"exitCode": 127, "failure": failure})
            self.tell_parent(failure)
            os._exit(0)
        self.tell_parent({})
        status = wait_for(main.pid)
        ended_at = now()
        self.end_leftovers()
        if self.stopped:
            end: dict[str, Any] = {"signal": "SIGTERM", "stopped": True}
        elif os.WIFSIGNALED(status):
            end = {"signal": signal_name(os.WTERMSIG(status))}
        else:
            end = {"exitCode": os.WEXITSTATUS(status)}
        self.record_end(end, ended_at)
        os._exit(0)

    def pass_over(self, _number: int, _frame: FrameType | None) -> None:
        """A terminal that goes away is not the job's concern."""

    def note_stop(self, _number: int, _frame: FrameType | None) -> None:
        """`stop` ends the tree itself; here it is only noted that this end was asked for."""
        self.stopped = True

    def pass_on(self, _number: int, _frame: FrameType | None) -> None:
        """Somebody else (a shutdown, a person) ends the wrapper: the job is asked to end, and its end is recorded."""
        if not self.stopped:
            self.stopped = True
            for process in find_members(os.getpid(), self.marker).values():
                send(process, signal.SIGTERM)

    def release_streams(self, lock: int) -> None:
        """Lets go of everything that the caller left open: ssh waits until nobody holds its pipes."""
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        for handle in range(3, 256):
            if handle not in (lock, self.parent):
                with contextlib.suppress(OSError):
                    os.close(handle)

    def launch(self) -> subprocess.Popen[bytes]:
        """Runs the program in the environment of the login that asked, with the spec's variables over it."""
        argv = [native(word) for word in self.spec["argv"]]
        cwd = native(self.spec["cwd"])
        environment = {**os.environ, **{native(name): native(text) for name, text in self.spec["env"].items()}}
        for name, path in self.spec["secretEnv"].items():
            environment[native(name)] = read_secret(name, native(path))
        environment[MARKER_NAME] = self.marker
        if not os.path.isdir(cwd):
            raise JobError("cwd_missing", f"the job's folder does not exist: {cwd}")
        log = self.open_log()
        try:
            # A session of its own: a program that signals its own process group must not hit the wrapper.
            return subprocess.Popen(
                argv,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise JobError("program_missing", f"no such program: {argv[0]}") from error
        except (OSError, ValueError) as error:
            raise JobError("exec_failed", f"{argv[0]} cannot be run: {error}") from error
        finally:
            os.close(log)

    def open_log(self) -> int:
        path = pathlib.Path(native(self.spec["logPath"]))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JobError("log_unwritable", f"the job's log cannot be written: {path}: {error.strerror}") from error

    def end_leftovers(self) -> None:
        """A job is its main process: what outlives it is ended, unless a stop is at it already."""
        grace_s = LEFTOVER_GRACE_S
        if self.stopped:
            asked = read_record(self.folder / "stop.json") or {}
            if asked.get("marker") == self.marker and isinstance(asked.get("graceMs"), int):
                # One step behind the stop that asked, and in its place should it have been killed itself.
                grace_s = asked["graceMs"] / 1000 + 2.0
        end_tree(os.getpid(), self.marker, grace_s, asks=not self.stopped, between=reap)

    def record_end(self, end: dict[str, Any], ended_at: str | None = None) -> None:
        write_record(self.folder / "exit.json", {"marker": self.marker, **end, "endedAt": ended_at or now()})

    def tell_parent(self, failure: dict[str, str]) -> None:
        """Once; later words have nobody to hear them."""
        if self.parent is None:
            return
        # A caller that was cut off is no matter: the job goes on and the next call finds it.
        with contextlib.suppress(BrokenPipeError):
            os.write(self.parent, json.dumps(failure).encode())
        os.close(self.parent)
        self.parent = None


def read_secret(name: str, path: str) -> str:
    """The text of a secret's file without its last line end. Its value never appears in a message."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise JobError("secret_unreadable", f"the secret for {name} is no regular file: {path}")
            text = file.read(SECRET_LIMIT + 1)
    except FileNotFoundError as error:
        raise JobError("secret_missing", f"the secret for {name} is not there: {path}") from error
    except OSError as error:
        why = f"the secret for {name} cannot be read: {path}: {error.strerror}"
        raise JobError("secret_unreadable", why) from error
    text = text.rstrip(b"\r\n")
    if len(text) > SECRET_LIMIT or b"\0" in text:
        raise JobError("secret_unreadable", f"the secret for {name} is longer than 64 KiB or holds a NUL: {path}")
    return os.fsdecode(text)


def wait_for(pid: int) -> int:
    """Reaps whatever ends until it is `pid`, whose wait status is returned."""
    while True:
        try:
            ended, status = os.waitpid(-1, 0)
        except ChildProcessError:  # unreachable while the main process is ours to wait for
            time.sleep(0.1)
            continue
        if ended == pid:
            return status


def reap() -> None:
    """Takes the ended children off the process table."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
