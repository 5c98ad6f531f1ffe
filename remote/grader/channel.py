"""The trusted half of a channel: frames over two descriptors, with a deadline and a bound on every one."""

from __future__ import annotations

import os
import select
import struct
import time

MAX_FRAME = 4 * 1024 * 1024
_PIECE = 1 << 18


class ChannelClosed(Exception):
    """The other side has closed its end."""


class ChannelTimeout(Exception):
    """The deadline passed."""


class FrameTooLarge(Exception):
    """The other side announced more than may be read."""


class Channel:
    """Frames of 4 bytes of length (big-endian) and a body. Deadlines are time.monotonic() seconds."""

    def __init__(self, read_fd: int, write_fd: int, max_frame: int = MAX_FRAME) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self._max_frame = max_frame
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(max(1, int(left * 1000))):
            raise ChannelTimeout

    def send(self, body: bytes, deadline: float) -> None:
        """Sends one frame whole, or raises."""
        left = memoryview(struct.pack(">I", len(body)) + body)
        while left:
            try:
                left = left[os.write(self.write_fd, left) :]
            except BlockingIOError:
                self._wait(self.write_fd, select.POLLOUT, deadline)
            except (BrokenPipeError, ConnectionResetError):
                raise ChannelClosed from None

    def _read(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                piece = os.read(self.read_fd, min(count - len(parts), _PIECE))
            except BlockingIOError:
                self._wait(self.read_fd, select.POLLIN, deadline)
                continue
            except ConnectionResetError:
                raise ChannelClosed from None
            if not piece:
                raise ChannelClosed
            parts += piece
        return bytes(parts)

    def receive(self, deadline: float) -> bytes:
        """One frame's body."""
        (length,) = struct.unpack(">I", self._read(4, deadline))
        if length > self._max_frame:
            raise FrameTooLarge
        return self._read(length, deadline)

    def drain(self, deadline: float) -> bool:
        """Reads and forgets until the other side's last holder has closed; False if the deadline came first."""
        try:
            while True:
                try:
                    if not os.read(self.read_fd, _PIECE):
                        return True
                except BlockingIOError:
                    self._wait(self.read_fd, select.POLLIN | select.POLLHUP, deadline)
        except ChannelTimeout:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Closes both ends that are ours."""
        for fd in {self.read_fd, self.write_fd}:
            try:
                os.close(fd)
            except OSError:
                pass
