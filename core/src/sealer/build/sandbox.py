"""Run a command in the root of an image, apart from the machine, through bubblewrap."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sealer.build.seccomp import filter_program
from sealer.errors import ImageError

CAPABILITIES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETFCAP"),
    *("CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"),
)
"""What root may do in there: Docker's default, without devices, raw sockets and low ports."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What the kernel lets root of the machine set or read there, whatever its capabilities: as docker has it.
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_HIDDEN = (
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi"),
    *("/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats"),
)

_PROGRAM = "bwrap"
# A program that crashes leaves no core dump in the image.
_START = ("/bin/sh", "-c", 'ulimit -c 0; exec "$0" "$@"')
_LAST_LINES = 20
_LONGEST_LINE = 4096
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A directory or file of the machine that a command sees.

    Attributes:
        source: Where it is on the machine.
        target: Where it is seen: a path in the root without links.
        writable: Whether the command may write to it.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What a command is run in.

    Attributes:
        root: The root it sees; it may write to it.
        environment: Its environment.
        network: Whether it has the machine's network; else it has none but its own loopback.
        binds: What it sees of the machine.
        temporaries: Directories that are empty, and gone afterwards.
        secrets: Files by path that are only in memory, and gone afterwards.
        read_only: Whether it may not write to the root.
    """

    root: Path
    environment: Mapping[str, str]
    network: bool = False
    binds: tuple[Bind, ...] = ()
    temporaries: tuple[str, ...] = ()
    secrets: Mapping[str, bytes]
    read_only: bool = False

    def flags(self, descriptors: Mapping[str, int]) -> Iterator[str]:
        """Yield bubblewrap's flags, given where it reads each secret."""
        yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
        yield from ("--die-with-parent", "--new-session", "--hostname", "build")
        if os.geteuid():
            yield from ("--unshare-user", "--uid", "0", "--gid", "0")
        if not self.network:
            yield "--unshare-net"
        yield from ("--cap-drop", "ALL")
        for capability in CAPABILITIES:
            yield from ("--cap-add", capability)
        yield from ("--ro-bind" if self.read_only else "--bind", str(self.root), "/")
        yield from ("--proc", "/proc", "--dev", "/dev")
        yield from _covers()
        for path in self.temporaries:
            yield from ("--tmpfs", f"/{path}")
        for bind in self.binds:
            yield from ("--bind" if bind.writable else "--ro-bind", str(bind.source), f"/{bind.target}")
        for path, descriptor in descriptors.items():
            yield from ("--perms", "0400", "--ro-bind-data", str(descriptor), f"/{path}")
        yield from ("--chdir", "/", "--clearenv")
        for name, value in self.environment.items():
            yield from ("--setenv", name, value)


def _covers() -> Iterator[str]:
    """Yield the flags that cover what is not to be set or read of the kernel."""
    for path in _READ_ONLY:
        if Path(path).exists():
            yield from ("--ro-bind", path, path)
    for path in _HIDDEN:
        if Path(path).is_dir():
            yield from ("--tmpfs", path)
        elif Path(path).exists():
            yield from ("--ro-bind", "/dev/null", path)


async def run(
    sandbox: Sandbox,
    command: Sequence[str],
    *,
    said: Callable[[str], None],
    output: list[bytes] | None = None,
) -> None:
    """Run a command to its end.

    Args:
        sandbox: Where.
        command: The program and its arguments.
        said: Is given each line that it prints.
        output: Takes what it prints on its standard output, which is then no part of the lines.

    Raises:
        ImageError: bubblewrap is missing, or the command can't be run or fails; the message has its last
            lines.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise ImageError(
            "the program bwrap, which isolates commands, is not installed",
            hint="on Debian and Ubuntu: apt install bubblewrap",
        )
    # Arguments of programs can be seen by every user of the machine, and a variable may be a secret.
    secrets = {path: _memory(data) for path, data in sandbox.secrets.items()}
    calls = filter_program()
    filters = [] if calls is None else [_memory(calls)]
    words = (*sandbox.flags(secrets), *(word for each in filters for word in ("--seccomp", str(each))))
    flags = _memory(b"".join(os.fsencode(word) + b"\0" for word in words))
    passed = (flags, *filters, *secrets.values())
    last: deque[str] = deque(maxlen=_LAST_LINES)

    def line(text: str) -> None:
        last.append(text)
        said(text)

    try:
        process = await asyncio.create_subprocess_exec(
            *(*_START, program, "--args", str(flags), "--", *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if output is None else asyncio.subprocess.PIPE,
            pass_fds=passed,
            env={"PATH": os.environ.get("PATH", PATH)},
        )
    finally:
        for descriptor in passed:
            os.close(descriptor)
    try:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        if output is None:
            await _listen(process.stdout, line)
        else:
            assert process.stderr is not None  # noqa: S101  # it is a pipe
            taken, _ = await asyncio.gather(process.stdout.read(), _listen(process.stderr, line))
            output.append(taken)
        status = await process.wait()
    finally:
        await _end(process)
    if status:
        raise _failed(status, last, sandbox)


def _failed(status: int, last: Sequence[str], sandbox: Sandbox) -> ImageError:
    text = "\n".join(last)
    hint = None
    if _is_foreign(sandbox.root):
        hint = "the image is for another architecture: install qemu-user-static, or build on such a machine"
    elif "execvp /bin/sh: No such file" in text:
        hint = 'the image has no shell: write RUN ["program", "argument"], or take a parent that has one'
    elif "setting up uid map" in text or "No permissions to create" in text:
        hint = "the machine allows no user namespaces: build as root, or see user_namespaces(7)"
    said = f":\n{text}" if text else ""
    return ImageError(f"the command ended with status {status}{said}", hint=hint)


def _is_foreign(root: Path) -> bool:
    """Tell whether the shell of a root is a program for another processor than this program's."""
    try:
        shell = root / "bin/sh"
        if shell.is_symlink():
            target = str(shell.readlink())
            shell = root / (target.lstrip("/") if target.startswith("/") else f"bin/{target}")
        return machine_of(shell) not in {b"", machine_of(Path(sys.executable))}
    except OSError:
        return False


def machine_of(program: Path) -> bytes:
    """Return the machine field of an ELF file (elf(5)), or nothing when it is no such file."""
    descriptor = os.open(program, os.O_RDONLY | os.O_CLOEXEC)
    try:
        header = os.read(descriptor, 20)
    finally:
        os.close(descriptor)
    return header[18:20] if header.startswith(b"\x7fELF") else b""


async def _listen(stream: asyncio.StreamReader, line: Callable[[str], None]) -> None:
    buffered = b""
    while chunk := await stream.read(_CHUNK):
        *lines, buffered = (buffered + chunk).split(b"\n")
        if len(buffered) > _LONGEST_LINE:
            lines, buffered = [*lines, buffered], b""
        for each in lines:
            line(_text(each))
    if buffered:
        line(_text(buffered))


def _text(line: bytes) -> str:
    text = line[:_LONGEST_LINE].decode(errors="replace").rpartition("\r")[2] or line.decode(errors="replace")
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in text)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Make sure that the process and all it has started are gone, also when this task is cancelled."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _memory(data: bytes) -> int:
    """Return a descriptor to read data from that are nowhere but in memory."""
    descriptor = os.memfd_create("sealer", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
