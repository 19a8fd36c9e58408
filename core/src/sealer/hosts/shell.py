"""One launcher that runs on a host, whatever carries its streams: it is given scripts one after another."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

from sealer.errors import HostError, HostUnreachable
from sealer.hosts.connection import ByteCounter, LineSink, Source
from sealer.hosts.launcher import Input, Ready, find_ready
from sealer.hosts.output import Collector, Frame, LineSplitter, OutputTooLarge
from sealer.hosts.source import chunks

QUIET_SECONDS = 2.0
"""After a launcher's end, how long its streams must be silent until nothing more is expected of them."""

_NOISE_LIMIT = 256 * 1024


class InputPipe(Protocol):
    """The standard input of a launcher, and the way to let go of it."""

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them until they can be sent."""

    def write_eof(self) -> None:
        """End the input after what was written."""

    def close(self) -> None:
        """Let go of all streams; what runs on the host is not ended by that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a script ended: ``status`` is None when the carrier never learned it, ``begun`` whether it ran."""

    status: int | None
    begun: bool
    output: bytes
    errors: tuple[str, ...]


class _Run:
    """What one script prints. Its end is known when both streams have told it."""

    def __init__(self, mark: bytes, limit: int, on_line: LineSink | None, on_output: LineSink | None) -> None:
        self.collected = Collector(limit)
        self.lines = LineSplitter(on_line)
        self._live = LineSplitter(on_output, limit) if on_output is not None else None
        self.output = Frame(mark, self._printed)
        self.errors = Frame(mark, self.lines.add)
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    @property
    def whole(self) -> bool:
        """Whether the script came to its end, and the launcher goes on."""
        return self.output.status is not None and self.errors.status is not None

    def _printed(self, data: bytes) -> None:
        self.collected.add(data)
        if self._live is not None:
            self._live.add(data)

    def end(self, status: int | None) -> None:
        """Take that no more will come."""
        self.lines.finish()
        if self._live is not None:
            self._live.finish()
        if not self.ended.done():
            self.ended.set_result(status)


class Shell:
    """The state of one launcher. Its carrier tells it what happens, its user gives it scripts and waits.

    Attributes:
        ready: What the launcher said of itself, once it did.
        reusable: Whether it can be given another script.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.ready: Ready | None = None
        self.reusable = True
        self._pipe: InputPipe | None = None
        self._early_output = bytearray()
        self._early_errors: bytearray | None = bytearray()
        self._run: _Run | None = None
        self._status: int | None = None
        self._failure: HostError | None = None
        self._ended = False
        self._started = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._quiet: asyncio.TimerHandle | None = None

    # What the carrier tells.

    def opened(self, pipe: InputPipe) -> None:
        """Take the way to the launcher's input."""
        self._pipe = pipe

    def printed(self, data: bytes) -> None:
        """Take bytes of standard output."""
        self._stay_awake()
        if self.ready is None:
            self._early_output += data
            found = find_ready(bytes(self._early_output))
            if found is None:
                del self._early_output[:-_NOISE_LIMIT]
                return
            self.ready, data = found
            self._early_output.clear()
            self._started.set()
        if self._run is not None:
            try:
                self._run.output.add(data)
            except OutputTooLarge as error:
                self.lost(HostError(f"the script printed more than {error.limit} bytes", host=self.host))
            else:
                self._look_for_end()

    def complained(self, data: bytes) -> None:
        """Take bytes of standard error; all that came before the launcher was ready is noise."""
        self._stay_awake()
        if self._early_errors is not None:
            self._early_errors += data
            found = find_ready(bytes(self._early_errors))
            if found is None:
                del self._early_errors[:-_NOISE_LIMIT]
                return
            self._early_errors = None
            data = found[1]
        if self._run is not None:
            self._run.errors.add(data)
            self._look_for_end()

    def pause(self) -> None:
        """Let writers wait: the other side is slow."""
        self._writable.clear()

    def resume(self) -> None:
        """Let writers go on."""
        self._writable.set()

    def exited(self, status: int) -> None:
        """Take the launcher's exit status; output may still follow."""
        self._status = status
        self.reusable = False
        self._writable.set()
        self._stay_awake()

    def closed(self) -> None:
        """Take that no more will come."""
        self._end()

    def lost(self, error: HostError) -> None:
        """Take that the launcher can't be followed any longer."""
        if not self._ended:
            self._failure = error
            if self._run is not None and not self._run.ended.done():
                self._run.ended.set_exception(error)
                self._run.ended.exception()  # so that a script nobody waits for leaves no warning
        self._release()

    # What the user does.

    @property
    def ended(self) -> bool:
        """Whether the launcher has ended or was lost."""
        return self._ended

    async def run(
        self,
        given: Input,
        source: Source | None = None,
        *,
        limit: int,
        on_line: LineSink | None = None,
        on_output: LineSink | None = None,
        on_progress: ByteCounter | None = None,
    ) -> Finished:
        """Run a script to its end, which may come before its stream was read to the end.

        Args:
            given: The script.
            source: What it reads; no other script can follow it.
            limit: How much standard output to keep, in bytes.
            on_line: Gets the lines of standard error.
            on_output: Gets the lines of standard output; they are kept as well.
            on_progress: Gets how many bytes of the source were sent.

        Raises:
            HostError: The launcher was lost.
            OSError: The source can't be read.
        """
        self._run = run = _Run(given.mark, limit, on_line, on_output)
        self.reusable = False
        if self._ended:
            run.end(self._status)
            if self._failure is not None:
                raise self._failure
        feeding = asyncio.create_task(self._feed(given.data, source, on_progress))
        try:
            await asyncio.wait((feeding, run.ended), return_when=asyncio.FIRST_COMPLETED)
            if feeding.done():
                feeding.result()
            status = await run.ended
            self.reusable = run.whole and source is None and not self._ended
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            self._run = None
        if self.ready is None or not (run.output.begun or run.errors.begun):
            return Finished(status=status, begun=False, output=b"", errors=self.noise())
        return Finished(status=status, begun=True, output=run.collected.value(), errors=tuple(run.lines.last))

    async def write(self, data: bytes) -> bool:
        """Write part of the input once the other side takes it; False when it has ended instead."""
        await self._writable.wait()
        if self._ended or self._status is not None or self._pipe is None:
            return False
        self._pipe.write(data)
        return True

    def write_eof(self) -> None:
        """End the input after what was written."""
        self.reusable = False
        if self._pipe is not None:
            self._pipe.write_eof()

    async def started(self) -> None:
        """Wait until the launcher is ready, or has ended without.

        Raises:
            HostError: It was lost.
        """
        await self._started.wait()
        if self._failure is not None:
            raise self._failure

    def noise(self) -> tuple[str, ...]:
        """Return the last lines of all that came instead of a launcher, errors behind output."""
        lines = LineSplitter()
        for data in (self._early_output, self._early_errors or b""):
            lines.add(bytes(data))
            lines.finish()
        return tuple(line for line in lines.last if line.strip())

    def abandon(self) -> None:
        """Let go of the launcher; what runs on the host goes on."""
        self.lost(HostUnreachable("the connection was closed while a script ran", host=self.host))

    async def _feed(self, data: bytes, source: Source | None, on_progress: ByteCounter | None) -> None:
        await self.write(data)
        if source is None:
            return
        moved = 0
        async with contextlib.aclosing(chunks(source)) as stream:
            async for chunk in stream:
                if not await self.write(chunk):
                    return
                moved += len(chunk)
                if on_progress is not None:
                    on_progress(moved)
        self.write_eof()

    def _look_for_end(self) -> None:
        if self._run is not None and self._run.whole:
            self._run.end(self._run.output.status)

    def _stay_awake(self) -> None:
        """After the exit, wait for more output only as long as some keeps coming."""
        if self._status is None or self._ended:
            return
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._end)

    def _end(self) -> None:
        if self._run is not None:
            self._run.end(self._status)
        self._release()

    def _release(self) -> None:
        self._ended = True
        self.reusable = False
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        self._started.set()
        self._writable.set()
        if self._pipe is not None:
            pipe, self._pipe = self._pipe, None
            pipe.close()
