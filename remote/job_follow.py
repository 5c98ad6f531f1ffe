"""Writes a growing file to stdout from a byte offset until its job has ended and the file is drained."""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
from collections.abc import Iterator

from job_folder import JobError, read_state

POLL_MS = 50
BLOCK = 1 << 18


def follow(path: pathlib.Path, offset: int, job: pathlib.Path, keep_on: bool, identity: str | None) -> Iterator[str]:
    """Yields, once, what tells the file apart from one that replaces it (`device:inode`): a later call hands it back as
    `identity`. Everything else goes to stdout as raw bytes.

    Raises JobError when the file was truncated, replaced, removed or cannot be read.
    """
    reader = Reader(path, offset, identity)
    # Reports that nobody reads any more, also while there is nothing to write: a cut connection must leave no follower.
    watcher = select.poll()
    watcher.register(1, 0)
    with contextlib.closing(reader):
        while True:
            # Asked before the file is read: what the job wrote before its end is then read after it.
            has_ended = read_state(job)["kind"] != "running"
            if reader.handle is None and reader.open():
                yield reader.identity
            reader.copy()
            if has_ended or not keep_on:
                return
            reader.check_name()
            if watcher.poll(POLL_MS):
                raise BrokenPipeError


class Reader:
    def __init__(self, path: pathlib.Path, offset: int, identity: str | None) -> None:
        self.path = path
        self.offset = offset
        self.known = identity
        self.identity = ""
        self.handle: int | None = None

    def open(self) -> bool:
        """False where the file is not there yet."""
        try:
            self.handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            if self.offset > 0:
                raise JobError("file_gone", f"{self.path} is gone after {self.offset} bytes of it were read") from None
            return False
        except OSError as error:
            raise JobError("file_unreadable", f"{self.path} cannot be read: {error.strerror}") from error
        self.identity = identity_of(os.fstat(self.handle))
        if self.known is not None and self.identity != self.known:
            raise self.replaced()
        return True

    def copy(self) -> None:
        """Writes what is there beyond the offset."""
        if self.handle is None:
            return
        size = os.fstat(self.handle).st_size
        if size < self.offset:
            raise JobError("file_truncated", f"{self.path} was truncated: {size} bytes, {self.offset} were read before")
        while True:
            try:
                block = os.pread(self.handle, BLOCK, self.offset)
            except OSError as error:
                raise JobError("file_unreadable", f"{self.path} cannot be read: {error.strerror}") from error
            if not block:
                return
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(1, rest) :]
            self.offset += len(block)

    def check_name(self) -> None:
        if self.handle is None:
            return
        try:
            named = identity_of(os.stat(self.path))
        except FileNotFoundError:
            raise JobError("file_gone", f"{self.path} is gone after {self.offset} bytes of it were read") from None
        if named != self.identity:
            raise self.replaced()

    def replaced(self) -> JobError:
        return JobError("file_replaced", f"{self.path} was replaced by another file after {self.offset} bytes of it")

    def close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)


def identity_of(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"
