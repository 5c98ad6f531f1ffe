"""A guest that is a process of this machine (bubblewrap, or none at all): its pipes, its limits, its end."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from .channel import Channel, ChannelClosed, ChannelTimeout, FrameTooLarge
from .sandbox import GuestEnded, GuestMisbehaved, GuestTimedOut, Limits

_END_S = 10.0


def limit_setter(limits: Limits) -> Callable[[], None]:
    """Sets a process's limits between fork and exec; they are inherited by everything it starts."""
    cpu_s = math.ceil(limits.wall_s) + 2
    values = (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    )

    def set_limits() -> None:
        for what, value in values:
            _soft, hard = resource.getrlimit(what)
            wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
            # Beyond the soft limit of processor time comes SIGXCPU, which tells more than the SIGKILL of the hard one.
            most = wanted + 5 if what == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else wanted
            try:
                resource.setrlimit(what, (wanted, most))
            except (ValueError, OSError):  # macOS knows no RLIMIT_AS
                pass

    return set_limits


class ProcessGuest:
    """Talks with a child over its stdin and stdout; stderr is kept (in short) until the guest is ready."""

    def __init__(
        self, argv: Sequence[str], env: dict[str, str], limits: Limits, pass_fds: Sequence[int], kill_group: bool
    ) -> None:
        self._kill_group = kill_group
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
            pass_fds=tuple(pass_fds),
            close_fds=True,
            start_new_session=True,
            preexec_fn=limit_setter(limits),
        )
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None and stdout is not None and stderr is not None
        self._errors = stderr
        os.set_blocking(stderr.fileno(), False)
        self._channel = Channel(os.dup(stdout.fileno()), os.dup(stdin.fileno()))
        stdin.close()
        stdout.close()

    def send(self, body: bytes, deadline: float) -> None:
        """Sends one message."""
        try:
            self._channel.send(body, deadline)
        except ChannelClosed:
            raise self._ended() from None
        except ChannelTimeout:
            raise GuestTimedOut from None

    def receive(self, deadline: float) -> bytes:
        """Waits for one message."""
        try:
            return self._channel.receive(deadline)
        except ChannelClosed:
            raise self._ended() from None
        except ChannelTimeout:
            raise GuestTimedOut from None
        except FrameTooLarge:
            raise GuestMisbehaved("a result beyond the bound") from None

    def _said(self) -> str:
        try:
            text = os.read(self._errors.fileno(), 4096).decode("utf-8", "replace").strip()
        except OSError:
            return ""
        return text.splitlines()[-1][:300] if text else ""

    def _ended(self) -> GuestEnded:
        try:
            code = self._process.wait(2)
        except subprocess.TimeoutExpired:
            return GuestEnded(None, None, "it closed its channel")
        if code < 0:
            return GuestEnded(None, -code, f"ended by {signal.Signals(-code).name}")
        if code > 128 and not self._kill_group:  # bwrap's way to tell a signal
            number = code - 128
            return GuestEnded(None, number, f"ended by signal {number}")
        return GuestEnded(code, None, self._said() or f"ended with exit code {code}")

    def close(self) -> None:
        """Kills it (bubblewrap's pid namespace dies with it) and waits until its last holder of the channel is gone."""
        try:
            if self._kill_group:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except ProcessLookupError:
            pass
        self._process.wait()
        self._channel.drain(time.monotonic() + _END_S)
        self._channel.close()
        self._errors.close()
