"""The filter of system calls, interpreted as the kernel does."""

from __future__ import annotations

import errno
import struct

import pytest

from sealer.build.seccomp import filter_program

ALLOWED, ERROR = 0x7FFF0000, 0x00050000
DENIED, UNKNOWN = ERROR | errno.EPERM, ERROR | errno.ENOSYS
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
NEW_USER = 0x10000000


def verdict(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """Run a filter on one call (seccomp(2), struct seccomp_data)."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, argument, *[0] * 5)
    code = list(struct.iter_unpack("=HBBI", program))
    at, held = 0, 0
    while True:
        operation, then, otherwise, value = code[at]
        at += 1
        match operation:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += then if held == value else otherwise
            case 0x35:
                at += then if held >= value else otherwise
            case 0x45:
                at += then if held & value else otherwise
            case 0x06:
                return value
            case _:
                raise AssertionError(operation)


def program(machine: str) -> bytes:
    found = filter_program(machine)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "argument", "expected"),
    [
        ("x86_64", X86_64, 0, 0, ALLOWED),  # read
        ("x86_64", X86_64, 59, 0, ALLOWED),  # execve
        ("x86_64", X86_64, 161, 0, ALLOWED),  # chroot
        ("x86_64", X86_64, 165, 0, DENIED),  # mount
        ("x86_64", X86_64, 101, 0, DENIED),  # ptrace
        ("x86_64", X86_64, 272, NEW_USER, DENIED),  # unshare
        ("x86_64", X86_64, 56, 17, ALLOWED),  # clone: fork
        ("x86_64", X86_64, 56, NEW_USER | 17, DENIED),
        ("x86_64", X86_64, 435, 0, UNKNOWN),  # clone3
        ("x86_64", X86_64, 41, 1, ALLOWED),  # socket: AF_UNIX
        ("x86_64", X86_64, 41, 40, DENIED),  # AF_VSOCK
        ("x86_64", I386, 21, 0, UNKNOWN),  # mount, as 32-bit programs call it
        ("x86_64", X86_64, 0x40000000 | 165, 0, UNKNOWN),  # x32
        ("aarch64", AARCH64, 63, 0, ALLOWED),  # read
        ("aarch64", AARCH64, 40, 0, DENIED),  # mount
        ("aarch64", AARCH64, 220, NEW_USER | 17, DENIED),  # clone
        ("aarch64", AARCH64, 198, 40, DENIED),  # socket
        ("aarch64", X86_64, 63, 0, UNKNOWN),
    ],
)
def test_what_becomes_of_a_call(
    machine: str, architecture: int, number: int, argument: int, expected: int
) -> None:
    assert verdict(program(machine), architecture, number, argument) == expected


def test_all_jumps_end_within_what_an_instruction_can_say() -> None:
    for machine in ("x86_64", "aarch64"):
        code = list(struct.iter_unpack("=HBBI", program(machine)))
        for number in range(600):
            assert verdict(program(machine), 0xC000003E if machine == "x86_64" else AARCH64, number)
        jumps = [(place, then, no) for place, (operation, then, no, _) in enumerate(code) if operation & 1]
        assert len(jumps) > 50
        assert all(place + 1 + max(then, no) < len(code) for place, then, no in jumps)


def test_an_architecture_that_is_not_known_has_no_filter() -> None:
    assert filter_program("riscv64") is None
