"""Moves files over stdin and stdout: the box's half of upload and download.

Run as `python3 -c SOURCE receive ROOT` or `python3 -c SOURCE send ROOT`. Both sides speak in frames: one byte of kind
(J: a JSON object, C: a piece of content), four bytes of length (big-endian), the payload. Either side may be cut off at
any byte: a file appears under its name whole and verified, or not at all.

receive: <- J {files: [{path, size, sha256, mode}]}  -> J {need: [index]}
         <- for each needed file: C*, J {end: true}  -> J {done: true}
send:    <- J {only, exclude}                        -> J {files: [{path, size}], refused: [{path, reason}]}
         <- J {want: [{index, have: [{size, sha256}]}]}
         -> for each wanted file: J {offset}, C*, J {size, sha256}; or J {skipped: reason}
         -> J {done: true}
On any failure: -> J {error: message, path}, exit code 1.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import stat
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

CHUNK_BYTES = 256 * 1024
MAX_JSON_BYTES = 256 * 1024 * 1024
MAX_CHUNK_BYTES = 8 * 1024 * 1024
# Names of ours: what an upload is still writing, and what a download at the other side keeps of an unfinished file.
PART_PREFIX = b".gpu-eval-"
PART_SUFFIX = b".part"
PARTIAL_FOLDER = b".gpu-eval-partial"


class TransferError(Exception):
    """What went wrong, for the other side to tell; `path` where it concerns one file."""

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class Wire:
    """The frames, over two byte streams."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.source = source
        self.sink = sink

    def read_exactly(self, count: int) -> bytes:
        """Reads count bytes. Raises EOFError where the other side is gone."""
        data = self.source.read(count)
        if len(data) != count:
            raise EOFError("the other side ended in the middle of a transfer")
        return data

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame: its kind and payload."""
        kind, length = struct.unpack(">cI", self.read_exactly(5))
        if kind not in (b"J", b"C") or length > (MAX_JSON_BYTES if kind == b"J" else MAX_CHUNK_BYTES):
            raise TransferError("what came in is not a frame of this protocol")
        return kind, self.read_exactly(length)

    def receive_json(self) -> dict[str, Any]:
        """The next frame, which must be a JSON object."""
        kind, payload = self.receive()
        message = json.loads(payload) if kind == b"J" else None
        if not isinstance(message, dict):
            raise TransferError("a JSON object was expected")
        return message

    def receive_content(self) -> Iterator[bytes]:
        """The pieces of one file, to its end."""
        while True:
            kind, payload = self.receive()
            if kind == b"J":
                return
            yield payload

    def send_json(self, message: dict[str, Any]) -> None:
        """Sends a JSON object, at once."""
        self.send(b"J", json.dumps(message).encode("ascii"))
        self.sink.flush()

    def send(self, kind: bytes, payload: bytes) -> None:
        """Sends one frame."""
        self.sink.write(struct.pack(">cI", kind, len(payload)))
        self.sink.write(payload)


def target_of(root: bytes, path: str) -> bytes:
    """The full name of a file below root. Raises TransferError for a name that climbs out."""
    parts = path.split("/")
    if path == "" or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise TransferError("not a name below the root", path)
    return os.path.join(root, *(part.encode("utf-8") for part in parts))


def hash_of(name: bytes) -> str:
    """The sha256 of a file's content, as hex."""
    digest = hashlib.sha256()
    with open(name, "rb") as file:
        while block := file.read(CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def is_there(name: bytes, size: int, sha256: str, mode: int) -> bool:
    """Whether a regular file with this content is there; its mode is put right if so."""
    try:
        seen = os.lstat(name)
    except OSError:
        return False
    if stat.S_ISDIR(seen.st_mode):
        raise TransferError("a folder is where the file should be", os.fsdecode(name))
    if not stat.S_ISREG(seen.st_mode) or seen.st_size != size:
        return False
    try:
        if hash_of(name) != sha256:
            return False
    except OSError:
        return False
    if stat.S_IMODE(seen.st_mode) != mode:
        os.chmod(name, mode)
    return True


def make_folders(folder: bytes, private: bool) -> None:
    """Makes a folder and its parents; private ones (of secrets) can be entered by their owner only."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(each, 0o700 if private else 0o777)


def write_verified(wire: Wire, name: bytes, entry: dict[str, Any]) -> None:
    """Writes one incoming file beside its place, checks it, and renames it into place."""
    folder = os.path.dirname(name)
    make_folders(folder, entry["mode"] & 0o077 == 0)
    part = os.path.join(folder, PART_PREFIX + os.urandom(8).hex().encode("ascii") + PART_SUFFIX)
    # The mode is there before the content is: a secret is never readable, not even for a moment.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry["mode"] & 0o600 | 0o200)
    try:
        digest = hashlib.sha256()
        size = 0
        with open(descriptor, "wb", buffering=0) as file:
            for piece in wire.receive_content():
                size += len(piece)
                if size > entry["size"]:
                    raise TransferError("more came than was announced: it changed while it was sent", entry["path"])
                digest.update(piece)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
            if size != entry["size"] or digest.hexdigest() != entry["sha256"]:
                raise TransferError("what came is not what was announced: it changed while it was sent", entry["path"])
            os.fchmod(file.fileno(), entry["mode"])
            os.fsync(file.fileno())
        os.rename(part, name)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def receive_files(wire: Wire, root: bytes) -> None:
    """The box's half of an upload."""
    files = wire.receive_json()["files"]
    names = [target_of(root, entry["path"]) for entry in files]
    if not files:
        make_folders(root, False)
    need = [
        index
        for index, (entry, name) in enumerate(zip(files, names, strict=True))
        if not is_there(name, entry["size"], entry["sha256"], entry["mode"])
    ]
    wire.send_json({"need": need})
    for index in need:
        try:
            write_verified(wire, names[index], files[index])
        except OSError as error:
            raise TransferError(error.strerror or str(error), files[index]["path"]) from error
    wire.send_json({"done": True})


def printable(path: bytes) -> str:
    """A name as text that JSON can carry, whatever its bytes are."""
    return path.decode("utf-8", "backslashreplace")


def is_ours(name: bytes) -> bool:
    """Whether it is something that a transfer is still writing."""
    return name == PARTIAL_FOLDER or (name.startswith(PART_PREFIX) and name.endswith(PART_SUFFIX))


def list_files(root: bytes, only: list[str] | None, exclude: list[str]) -> tuple[list[tuple[bytes, int]], list[Any]]:
    """The regular files below root with their sizes, and what is not offered and why. No link is followed."""
    wanted = None if only is None else [each.encode("utf-8") for each in only]
    left_out = {each.encode("utf-8") for each in exclude}
    files: list[tuple[bytes, int]] = []
    refused: list[Any] = []

    def is_asked(path: bytes) -> bool:
        return wanted is None or any(path == each or path.startswith(each + b"/") for each in wanted)

    def may_hold(path: bytes) -> bool:
        return wanted is None or is_asked(path) or any(each.startswith(path + b"/") for each in wanted)

    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, folder)), key=lambda entry: entry.name)
        except OSError as error:
            if folder == b"":
                raise TransferError(f"cannot be listed: {error.strerror}", printable(root)) from error
            refused.append({"path": printable(folder), "reason": f"cannot be listed: {error.strerror}"})
            continue
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.name in left_out or is_ours(entry.name) or not may_hold(path):
                continue
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since it was listed
            if stat.S_ISDIR(seen.st_mode):
                folders.append(path)
            elif not is_asked(path):
                continue
            elif not stat.S_ISREG(seen.st_mode):
                reason = "a link" if stat.S_ISLNK(seen.st_mode) else "not a regular file"
                refused.append({"path": printable(path), "reason": reason})
            else:
                try:
                    path.decode("utf-8")
                    files.append((path, seen.st_size))
                except UnicodeDecodeError:
                    refused.append({"path": printable(path), "reason": "its name is not UTF-8"})
    files.sort()
    return files, refused


def common_beginning(file: BinaryIO, limit: int, have: list[dict[str, Any]]) -> tuple[int, Any]:
    """The longest of the offered beginnings that this file begins with too, and the digest of it. One pass."""
    digest = hashlib.sha256()
    position = 0
    best, best_digest = 0, digest.copy()
    for offer in sorted(have, key=lambda each: each["size"]):
        if offer["size"] > limit:
            break
        while position < offer["size"]:
            block = file.read(min(CHUNK_BYTES, offer["size"] - position))
            if not block:
                return best, best_digest
            digest.update(block)
            position += len(block)
        if digest.hexdigest() == offer["sha256"]:
            best, best_digest = position, digest.copy()
    return best, best_digest


def send_file(wire: Wire, name: bytes, limit: int, have: list[dict[str, Any]]) -> None:
    """Sends what the other side lacks of one file, as far as the file went when it was listed."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        wire.send_json({"skipped": f"cannot be read: {error.strerror}"})
        return
    with open(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            wire.send_json({"skipped": "not a regular file any more"})
            return
        offset, digest = common_beginning(file, limit, have)
        file.seek(offset)
        position = offset
        wire.send_json({"offset": offset})
        while position < limit and (block := file.read(min(CHUNK_BYTES, limit - position))):
            digest.update(block)
            position += len(block)
            wire.send(b"C", block)
        wire.send_json({"size": position, "sha256": digest.hexdigest()})


def send_files(wire: Wire, root: bytes) -> None:
    """The box's half of a download."""
    asked = wire.receive_json()
    files, refused = list_files(root, asked.get("only"), asked.get("exclude") or [])
    wire.send_json(
        {"files": [{"path": path.decode("utf-8"), "size": size} for path, size in files], "refused": refused}
    )
    for want in wire.receive_json()["want"]:
        path, size = files[want["index"]]
        send_file(wire, os.path.join(root, path), size, want["have"])
    wire.send_json({"done": True})


def main() -> int:
    """Runs one transfer. 0 when it is complete."""
    # Whoever ends us leaves no half file behind.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(143))
    verb, root = sys.argv[1], os.fsencode(sys.argv[2])
    wire = Wire(sys.stdin.buffer, sys.stdout.buffer)
    try:
        {"receive": receive_files, "send": send_files}[verb](wire, root)
    except (EOFError, BrokenPipeError) as error:
        print(error, file=sys.stderr)
        # Nothing more can be said; without this the interpreter would try to flush and complain.
        os._exit(1)
    except TransferError as error:
        wire.send_json({"error": str(error), "path": error.path})
        return 1
    except OSError as error:
        wire.send_json({"error": f"{error.strerror}", "path": printable(os.fsencode(error.filename or b""))})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
