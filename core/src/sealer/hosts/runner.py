"""The methods of a connection, built on one ability: to start a launcher on the host."""

# ruff: noqa: ASYNC109 - a timeout here also ends the script on the host, which no caller could do around it.
from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager

from sealer.errors import HostError, TookTooLong
from sealer.hosts.connection import (
    DEFAULT_READ_LIMIT,
    ByteCounter,
    Deadline,
    LineSink,
    ScriptResult,
    Source,
)
from sealer.hosts.launcher import NOT_STARTED, Input, script_input, stop_script, stream_input
from sealer.hosts.shell import Finished, Shell

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of standard output that a script may print."""

STOP_TIMEOUT = 40.0
"""Seconds within which a script that took too long must be ended."""


class ScriptRunner(ABC):
    """Runs scripts and streams by launchers; subclasses say how one is started.

    Args:
        host: The host's name.
    """

    def __init__(self, host: str) -> None:
        self._host = host

    @property
    def host(self) -> str:
        """The host's name, as messages call it."""
        return self._host

    @abstractmethod
    def _launch(self) -> AbstractAsyncContextManager[Shell]:
        """Start a launcher for as long as the context lasts; waits where the host allows no more of them.

        Raises:
            HostError: It can't be started.
        """

    @abstractmethod
    def _launch_apart(self) -> AbstractAsyncContextManager[Shell]:
        """Start a launcher at once, whatever else runs on the host.

        Raises:
            HostError: It can't be started.
        """

    @abstractmethod
    def _refused(self, errors: tuple[str, ...]) -> HostError:
        """Return the error for a launcher that ended before it was ready, from what it printed instead."""

    async def run_script(
        self,
        script: str,
        *,
        on_line: LineSink | None = None,
        on_output: LineSink | None = None,
        timeout: float | Deadline | None = None,
        apart: bool = False,
    ) -> ScriptResult:
        """Run a script; see ``Connection.run_script``."""
        given = script_input(script)
        return _result(
            await self._run(given, on_line=on_line, on_output=on_output, timeout=timeout, apart=apart)
        )

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
        """Run a script that reads a stream; see ``Connection.send``."""
        return _result(
            await self._run(
                stream_input(script),
                source=source,
                on_progress=on_progress,
                on_line=on_line,
                on_output=on_output,
                timeout=timeout,
                apart=apart,
            )
        )

    async def read_file(self, path: str, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """Return the bytes of a file; see ``Connection.read_file``."""
        # One byte beyond the limit tells a file that is too large from one that just fits.
        script = f"exec 3< {shlex.quote(path)} || exit; head -c {limit + 1} <&3"
        finished = await self._run(script_input(script), limit=limit + 1)
        if finished.status != 0:
            last = finished.errors[-1] if finished.errors else f"exit status {finished.status}"
            raise HostError(f"{path} can't be read: {last}", host=self.host)
        if len(finished.output) > limit:
            raise HostError(f"{path} is larger than {limit} bytes", host=self.host)
        return finished.output

    async def _run(
        self,
        given: Input,
        *,
        source: Source | None = None,
        on_progress: ByteCounter | None = None,
        on_line: LineSink | None = None,
        on_output: LineSink | None = None,
        timeout: float | Deadline | None = None,
        limit: int = OUTPUT_LIMIT,
        apart: bool = False,
    ) -> Finished:
        deadline = timeout if isinstance(timeout, Deadline) else Deadline(timeout)
        shell: Shell | None = None
        try:
            async with self._launch_apart() if apart else self._launch() as shell, deadline.running():
                finished = await shell.run(
                    given,
                    source,
                    limit=limit,
                    on_line=on_line,
                    on_output=on_output,
                    on_progress=on_progress,
                )
        except TimeoutError:
            if shell is None or apart:
                raise
            raise await self._took_too_long(shell, deadline.seconds) from None
        if shell.ready is None:
            raise self._refused(finished.errors)
        if finished.status is None:
            raise HostError("the session was ended before the script was", host=self.host, retryable=True)
        if not finished.begun:
            said = f" (status {finished.status})" if finished.status != NOT_STARTED else ""
            raise HostError(
                f"the script could not be handed over{said}",
                host=self.host,
                hint="check that the host has dd, of coreutils or busybox",
            )
        return finished

    async def _took_too_long(self, shell: Shell, timeout: float | None) -> HostError:
        """End what is still running, so that trying again can't meet it, and return the error to raise."""
        rest = "what it started may still be running"
        if shell.ready is not None:
            try:
                stop = script_input(stop_script(shell.ready.process))
                stopped = await self._run(stop, timeout=STOP_TIMEOUT, apart=True)
            except (HostError, TimeoutError):
                pass
            else:
                rest = "it was ended" if stopped.status == 0 else rest
        return TookTooLong(f"the script did not finish within {timeout:g} seconds; {rest}", host=self.host)


def _result(finished: Finished) -> ScriptResult:
    return ScriptResult(
        exit_status=NOT_STARTED if finished.status is None else finished.status,
        stdout=finished.output.decode(errors="replace"),
        stderr=finished.errors,
    )
