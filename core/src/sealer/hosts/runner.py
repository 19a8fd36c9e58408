"""The methods of a connection, built on one ability: to start a launcher on the host."""

# ruff: noqa: ASYNC109 - a timeout here also ends the script on the host, which no caller could do around it.
from __future__ import annotations

import asyncio
import shlex
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sealer.errors import HostError
from sealer.hosts.connection import (
    DEFAULT_READ_LIMIT,
    ByteCounter,
    LineSink,
    ScriptResult,
    Source,
)
from sealer.hosts.execution import Execution
from sealer.hosts.launcher import script_input, stop_script, stream_input

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of standard output that a script may print."""

STOP_TIMEOUT = 40.0
"""Seconds within which a script that took too long must be ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    status: int
    output: bytes
    errors: tuple[str, ...]


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
    def _launch(self) -> AbstractAsyncContextManager[Execution]:
        """Start a launcher for as long as the context lasts; waits where the host allows no more of them.

        Raises:
            HostError: It can't be started.
        """

    @abstractmethod
    def _launch_apart(self) -> AbstractAsyncContextManager[Execution]:
        """Start a launcher at once, whatever else runs on the host.

        Raises:
            HostError: It can't be started.
        """

    @abstractmethod
    def _refused(self, errors: tuple[str, ...]) -> HostError:
        """Return the error for a launcher that ended before it was ready, from what it printed instead."""

    async def run_script(
        self, script: str, *, on_line: LineSink | None = None, timeout: float | None = None
    ) -> ScriptResult:
        """Run a script; see ``Connection.run_script``."""
        return _result(await self._run(script_input(script), on_line=on_line, timeout=timeout))

    async def send(
        self,
        script: str,
        source: Source,
        *,
        on_progress: ByteCounter | None = None,
        on_line: LineSink | None = None,
        timeout: float | None = None,
    ) -> ScriptResult:
        """Run a script that reads a stream; see ``Connection.send``."""
        return _result(
            await self._run(
                stream_input(script), source=source, on_progress=on_progress, on_line=on_line, timeout=timeout
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
        data: bytes,
        *,
        source: Source | None = None,
        on_progress: ByteCounter | None = None,
        on_line: LineSink | None = None,
        timeout: float | None = None,
        limit: int = OUTPUT_LIMIT,
        apart: bool = False,
    ) -> _Finished:
        execution: Execution | None = None
        launch = self._launch_apart() if apart else self._launch()
        try:
            async with launch as execution, asyncio.timeout(timeout):
                execution.follow(limit=limit, on_line=on_line)
                await _feed_and_wait(execution, data, source, on_progress)
                status = await execution.wait()
        except TimeoutError:
            if execution is None or apart:
                raise
            raise await self._took_too_long(execution, timeout) from None
        if execution.process is None:
            noise = execution.output().decode(errors="replace").split("\n")
            raise self._refused((*execution.errors(), *(line for line in noise if line.strip())))
        if status is None:
            raise HostError("the session was ended before the script was", host=self.host, retryable=True)
        return _Finished(status=status, output=execution.output(), errors=execution.errors())

    async def _took_too_long(self, execution: Execution, timeout: float | None) -> HostError:
        """End what is still running, so that trying again can't meet it, and return the error to raise."""
        rest = "what it started may still be running"
        if execution.process is not None:
            try:
                stop = script_input(stop_script(execution.process))
                stopped = await self._run(stop, timeout=STOP_TIMEOUT, apart=True)
            except (HostError, TimeoutError):
                pass
            else:
                rest = "it was ended" if stopped.status == 0 else rest
        return HostError(
            f"the script did not finish within {timeout:g} seconds; {rest}", host=self.host, retryable=True
        )


async def _feed_and_wait(
    execution: Execution, data: bytes, source: Source | None, on_progress: ByteCounter | None
) -> None:
    """Write the input and wait for the end; an end before all was written stops the writing.

    Raises:
        OSError: The source can't be read.
        HostError: The launcher was lost.
    """
    feeding = asyncio.create_task(execution.feed(data, source, on_progress))
    waiting = asyncio.create_task(execution.wait())
    try:
        await asyncio.wait({feeding, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
        await waiting
    finally:
        feeding.cancel()
        waiting.cancel()
        await asyncio.gather(feeding, waiting, return_exceptions=True)


def _result(finished: _Finished) -> ScriptResult:
    return ScriptResult(
        exit_status=finished.status,
        stdout=finished.output.decode(errors="replace"),
        stderr=finished.errors,
    )
