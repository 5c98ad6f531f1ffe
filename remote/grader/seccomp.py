"""A system-call filter for guests of bubblewrap, as the kernel's own bytecode (classic BPF).

It refuses what a grading program never needs and what kernel bugs are mostly found in: new processes, sockets, mounts,
namespaces, tracing, keys, bpf, io_uring, performance counters, shared memory, modules. Threads stay possible.
Numbers are from the kernel's syscall tables of x86-64 and of the generic table that aarch64 uses.
"""

from __future__ import annotations

import platform
import struct

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_EPERM = 0x00050000 | 1
_ENOSYS = 0x00050000 | 38
_CLONE_THREAD = 0x00010000
#: Calls that came after this number are unknown to us: the C library copes with ENOSYS.
_LAST_KNOWN = 462

# The same numbers everywhere: pidfd_send_signal, io_uring_*, the new mount calls, pidfd_*, mount_setattr, memfd_secret.
_NEW = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 442, 447)
_CLONE3 = 435

_TABLES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    # machine: (AUDIT_ARCH, clone, refused)
    "x86_64": (
        0xC000003E,
        56,
        (
            *(29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 240),  # System V shared memory, semaphores, queues; mq_open
            *(41, 42, 43, 44, 45, 46, 47, 49, 50, 53, 288, 299, 307),  # sockets of every family
            *(57, 58),  # fork, vfork
            *(101, 310, 311, 312),  # ptrace, process_vm_*, kcmp
            *(103, 135, 154, 163, 167, 168, 169, 172, 173, 175, 176, 179, 246, 313, 320),  # administration
            *(155, 161, 165, 166, 272, 308),  # pivot_root, chroot, mount, umount2, unshare, setns
            *(237, 238, 256, 279),  # memory policy and page moving
            *(248, 249, 250),  # keys
            *(298, 300, 303, 304, 319, 321, 323),  # perf, fanotify, handles, memfd, bpf, userfaultfd
        ),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (
            *(180, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196),
            *(198, 199, 200, 201, 202, 203, 206, 207, 211, 212, 242, 243, 269),
            *(117, 270, 271, 272),
            *(60, 89, 92, 104, 105, 106, 116, 142, 224, 225, 273, 294),
            *(39, 40, 41, 51, 97, 268),
            *(235, 237, 238, 239),
            *(217, 218, 219),
            *(241, 262, 264, 265, 279, 280, 282),
        ),
    ),
}


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def build_filter(machine: str | None = None) -> bytes | None:
    """The filter's bytecode for a machine name (default: this machine), or None where we have no table for it."""
    table = _TABLES.get(machine or platform.machine())
    if table is None:
        return None
    arch, clone, refused = table
    load, equal, above, any_bit, answer = 0x20, 0x15, 0x25, 0x45, 0x06
    program = [
        _instruction(load, 4),
        _instruction(equal, arch, 1, 0),
        _instruction(answer, _KILL),
        _instruction(load, 0),
        _instruction(above, _LAST_KNOWN, 0, 1),
        _instruction(answer, _ENOSYS),
        _instruction(equal, _CLONE3, 0, 1),
        _instruction(answer, _ENOSYS),
    ]
    for number in (*refused, *_NEW):
        program += [_instruction(equal, number, 0, 1), _instruction(answer, _EPERM)]
    program += [
        _instruction(equal, clone, 0, 3),
        _instruction(load, 16),  # the flags: clone's first argument
        _instruction(any_bit, _CLONE_THREAD, 1, 0),
        _instruction(answer, _EPERM),
        _instruction(answer, _ALLOW),
    ]
    return b"".join(program)
