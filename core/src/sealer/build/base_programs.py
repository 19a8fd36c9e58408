"""Programs of a base image: the architecture they are for, and what they print when they are asked."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import signal
import struct
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sealer.errors import ImageError
from sealer.model import Platform
from sealer.providers import Component

_PATIENCE = 60.0
_MAXIMUM_ANSWER = 1024**2

# e_machine of the ELF header, by the names OCI has for architectures.
_MACHINES = {
    0x03: "386",
    0x15: "ppc64le",
    0x16: "s390x",
    0x28: "arm",
    0x3E: "amd64",
    0xB7: "arm64",
    0xF3: "riscv64",
    0x102: "loong64",
}


class CannotRunHereError(Exception):
    """The program is for another machine than this one."""


def architecture_of(path: Path) -> str | None:
    """Return the architecture an ELF program is for, or None when it is no ELF program, such as a script."""
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) < 20 or not head.startswith(b"\x7fELF"):
        return None
    (machine,) = struct.unpack_from(">H" if head[5] == 2 else "<H", head, 18)
    return _MACHINES.get(machine, f"an unknown architecture ({machine:#x})")


def is_for(path: Path, platform: Platform) -> bool:
    """Tell whether a file is a program for the platform, or no machine's program in particular."""
    return architecture_of(path) in {None, platform.architecture}


async def ask_version(component: Component, path: Path) -> str:
    """Return the version that a program prints.

    Raises:
        CannotRunHereError: It is for another machine.
        ImageError: It fails, or prints no version.
    """
    answer = await run_program(path, component.version_arguments)
    match = re.search(component.version_pattern, answer, re.MULTILINE)
    if match is None:
        words = " ".join((component.name, *component.version_arguments))
        raise ImageError(f"{path} prints no version: {words} says {_excerpt(answer)}")
    return match[1]


async def run_program(path: Path, arguments: Sequence[str], *, patience: float = _PATIENCE) -> str:
    """Run a program with an empty environment, in an empty directory, without input.

    Args:
        path: The program; it need not be marked as executable.
        arguments: Its arguments.
        patience: Seconds it may take.

    Returns:
        What it printed to its standard output.

    Raises:
        CannotRunHereError: It is for another machine.
        ImageError: It can't be run, fails, or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="sealer-") as scratch:
        program, home = _prepare(path, Path(scratch))
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=home,
                env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                raise CannotRunHereError(str(path)) from error
            raise ImageError(f"{path} can't be run: {error.strerror}") from error
        assert process.stdout is not None  # noqa: S101  # both are pipes
        assert process.stderr is not None  # noqa: S101
        words = " ".join((str(path), *arguments))
        try:
            async with asyncio.timeout(patience):
                output, complaints = await asyncio.gather(_read(process.stdout), _read(process.stderr))
                status = await process.wait()
        except BaseException as error:
            # Of the program or of what it has started, something still runs: so the group is still its own.
            _end(process.pid)
            await process.wait()
            if isinstance(error, TimeoutError):
                raise ImageError(f"{words} has not ended after {patience:g} seconds") from error
            raise
    if status:
        raise ImageError(f"{words} fails with status {status}: {_excerpt(complaints or output)}")
    return output


def _prepare(path: Path, scratch: Path) -> tuple[Path, Path]:
    """Return the path to run, a copy when the file isn't executable, and an empty directory to run it in."""
    program = path.absolute()
    if not os.access(program, os.X_OK):
        program = Path(shutil.copyfile(program, scratch / path.name))
        program.chmod(0o700)
    home = scratch / "home"
    home.mkdir()
    return program, home


async def _read(stream: asyncio.StreamReader) -> str:
    """Return all of a stream, or its beginning when it is longer than any answer."""
    pieces: list[bytes] = []
    size = 0
    while piece := await stream.read(1 << 16):
        if size < _MAXIMUM_ANSWER:
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces).decode(errors="replace")


def _end(session: int) -> None:
    """Kill what is left of a program and of all it has started."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def _excerpt(text: str) -> str:
    """Return the last words of a program, or what to say when there are none."""
    lines = text.strip().splitlines()
    return repr(lines[-1][:200]) if lines else "nothing"
