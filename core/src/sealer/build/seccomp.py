"""Which system calls commands may not make: a seccomp filter, as the BPF program that bubblewrap loads.

Denied is what Docker's default profile denies to containers without privileges: what mounts, loads code into
the kernel, sets clocks, looks into other processes, or makes namespaces, in which capabilities would be had
again. Numbers are those of the kernel's ``asm/unistd_64.h`` and ``asm-generic/unistd.h``; what a filter is
made of is in ``linux/filter.h`` and seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# By name: the numbers on x86_64 and on aarch64; None where the architecture has no such call.
_DENIED: Mapping[str, tuple[int | None, int | None]] = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, None),
    "get_mempolicy": (239, 236),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "query_module": (178, None),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
_CLONE3 = 435
_NEW_NAMESPACE = 0x7E020000
"""The flags of clone(2) that make namespaces: for mounts, cgroups, names, IPC, users, processes, networks."""
_AF_VSOCK = 40
"""Sockets to the machine that this one is a guest of, whichever network namespace they are made in."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOWED, _ERROR = 0x7FFF0000, 0x00050000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """One architecture.

    Attributes:
        audit: How the kernel calls its native calls (``linux/audit.h``).
        column: Where its numbers are in the table.
        clone: The number of clone(2).
        socket: The number of socket(2).
        foreign: The first number of calls of another ABI, or None.
    """

    audit: int
    column: int
    clone: int
    socket: int
    foreign: int | None = None


_MACHINES: Mapping[str, _Machine] = {
    "x86_64": _Machine(audit=0xC000003E, column=0, clone=56, socket=41, foreign=0x40000000),
    "aarch64": _Machine(audit=0xC00000B7, column=1, clone=220, socket=198),
}


@dataclass(frozen=True, slots=True)
class _Instruction:
    """An instruction; jumps go to labels, and to the next one without a label."""

    code: int
    value: int
    then: str = ""
    otherwise: str = ""
    label: str = ""


def filter_program(machine: str | None = None) -> bytes | None:
    """Return the filter, or None for an architecture whose calls are not known.

    Calls of another ABI than the machine's native one, such as those of 32-bit programs, fail as unknown;
    so does clone3(2), whose flags a filter can't see: C libraries then use clone(2).

    Args:
        machine: The architecture as uname(2) calls it; None means this machine's.
    """
    known = _MACHINES.get(machine or platform.machine())
    return None if known is None else _assembled(_instructions(known))


def _instructions(machine: _Machine) -> Iterable[_Instruction]:
    numbers = sorted(number for each in _DENIED.values() if (number := each[machine.column]) is not None)
    yield _Instruction(_LOAD, _ARCHITECTURE)
    yield _Instruction(_EQUAL, machine.audit, otherwise="unknown")
    yield _Instruction(_LOAD, _NUMBER)
    if machine.foreign is not None:
        yield _Instruction(_AT_LEAST, machine.foreign, then="unknown")
    yield _Instruction(_EQUAL, _CLONE3, then="unknown")
    for number in numbers:
        yield _Instruction(_EQUAL, number, then="denied")
    yield _Instruction(_EQUAL, machine.clone, then="clone")
    yield _Instruction(_EQUAL, machine.socket, then="socket", otherwise="allowed")
    yield _Instruction(_LOAD, _FIRST_ARGUMENT, label="clone")
    yield _Instruction(_ANY_BIT, _NEW_NAMESPACE, then="denied", otherwise="allowed")
    yield _Instruction(_LOAD, _FIRST_ARGUMENT, label="socket")
    yield _Instruction(_EQUAL, _AF_VSOCK, then="denied", otherwise="allowed")
    yield _Instruction(_RETURN, _ALLOWED, label="allowed")
    yield _Instruction(_RETURN, _ERROR | errno.EPERM, label="denied")
    yield _Instruction(_RETURN, _ERROR | errno.ENOSYS, label="unknown")


def _assembled(instructions: Iterable[_Instruction]) -> bytes:
    program: Sequence[_Instruction] = tuple(instructions)
    places = {each.label: place for place, each in enumerate(program) if each.label}

    def packed(place: int, each: _Instruction) -> bytes:
        jumps = (places[label] - place - 1 if label else 0 for label in (each.then, each.otherwise))
        return struct.pack("=HBBI", each.code, *jumps, each.value)

    return b"".join(packed(place, each) for place, each in enumerate(program))
