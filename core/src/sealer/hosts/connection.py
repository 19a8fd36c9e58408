"""What the engine sees of a host: a place that runs scripts, takes streams and gives files."""

# ruff: noqa: ASYNC109 - a timeout here also ends the script on the host, which no caller could do around it.
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LineSink = Callable[[str], None]
"""Takes a line without its newline. It must not block and must not raise."""

ByteCounter = Callable[[int], None]
"""Takes the number of bytes moved so far. It must not block and must not raise."""

Source = AsyncIterator[bytes] | Path
"""Bulk bytes: chunks as they come, or a file of the operator's machine."""

DEFAULT_READ_LIMIT = 16 * 1024 * 1024
"""The largest file, in bytes, that ``read_file`` returns unless it is told otherwise."""


class Deadline:
    """The seconds that a script may take, counted anew whenever it is told so.

    Args:
        seconds: To begin with; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._running: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let the time run while the context lasts.

        Raises:
            TimeoutError: It is over.
        """
        async with asyncio.timeout(self.seconds) as self._running:
            yield

    def restart(self, seconds: float) -> None:
        """Count that many seconds from now on."""
        self.seconds = seconds
        if self._running is not None:
            self._running.reschedule(asyncio.get_running_loop().time() + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptResult:
    """How a script ended on a host, and what it printed.

    Attributes:
        exit_status: 0 to 255; 128 plus the signal's number when a signal ended it.
        stdout: All of standard output; bytes that are no UTF-8 are replaced.
        stderr: The last lines of standard error.
    """

    exit_status: int
    stdout: str
    stderr: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the exit status is 0."""
        return self.exit_status == 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of standard output."""
        return tuple(self.stdout.splitlines())


class Connection(Protocol):
    """A host that can be reached, with root's privileges.

    Each method may be called at any time and many at once; they wait for one another where the host allows
    no more sessions. All of them raise ``HostUnreachable`` when the connection is lost (what was
    started goes on, on the host), and the next call connects again. ``docs/hosts.md`` has the details.
    """

    @property
    def host(self) -> str:
        """The host's name, as messages call it."""

    async def run_script(
        self,
        script: str,
        *,
        on_line: LineSink | None = None,
        on_output: LineSink | None = None,
        timeout: float | Deadline | None = None,
        apart: bool = False,
    ) -> ScriptResult:
        """Run a script in a subshell of a ``sh``, as root, with nothing on its standard input.

        The script travels on standard input and is parsed completely before its first command runs, so one
        that is cut off on the way does nothing at all. It is never part of an argument list. When the
        connection is lost, or the operator's process dies, it runs on to its end.

        Args:
            script: POSIX sh of any size. It must leave its output and error streams to themselves in
                the background: processes that outlive it are not waited for.
            on_line: Gets each line of standard error as it comes.
            on_output: Gets each line of standard output as it comes; the result has them as well.
            timeout: Seconds. Then the script and all processes of its process group are ended.
            apart: Whether it must not wait for other scripts, though the host allows no more sessions: it
                gets a connection of its own then.

        Raises:
            HostUnreachable: The connection could not be made, or was lost.
            HostError: Not done within ``timeout``, or the host refuses to run scripts.
            ValueError: The script holds a NUL character.
        """

    async def send(
        self,
        script: str,
        source: Source,
        *,
        on_progress: ByteCounter | None = None,
        on_line: LineSink | None = None,
        on_output: LineSink | None = None,
        timeout: float | Deadline | None = None,
        apart: bool = False,
    ) -> ScriptResult:
        """Run a script whose standard input is a stream of bytes, as ``cat > file``.

        The script travels ahead of the bytes, is whole before it begins, and is never part of an argument
        list. Memory stays constant whatever the size of the stream. When the script ends before
        it has read everything, the rest is not sent, and the result has its exit status. ``apart`` is as
        with ``run_script``.

        Raises:
            HostUnreachable: The connection could not be made, or was lost; the script sees an end of file.
            HostError: Not done within ``timeout``, or the host refuses to run scripts.
            ValueError: The script holds a NUL character.
            OSError: The file of the operator's machine can't be read.
        """

    async def read_file(self, path: str, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """Return the bytes of a file.

        Raises:
            HostUnreachable: The connection could not be made, or was lost.
            HostError: There is no such file, or it is larger than ``limit`` bytes.
        """

    async def close(self) -> None:
        """Close the connection; calls in progress raise ``HostUnreachable``."""
