"""One launcher that runs on a host, whatever carries its streams: feeding it, and waiting for its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from sealer.errors import HostError, HostUnreachable
from sealer.hosts.connection import ByteCounter, LineSink, Source
from sealer.hosts.launcher import find_ready
from sealer.hosts.output import Collector, LineSplitter, OutputTooLarge
from sealer.hosts.source import chunks

QUIET_SECONDS = 2.0
"""After a script's end, how long its streams must be silent until nothing more is expected of them."""

_NOISE_LIMIT = 256 * 1024


class InputPipe(Protocol):
    """The standard input of a launcher, and the way to let go of it."""

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them until they can be sent."""

    def write_eof(self) -> None:
        """End the input after what was written."""

    def close(self) -> None:
        """Let go of all streams; what runs on the host is not ended by that."""


class Execution:
    """The state of one launcher. Its carrier tells it what happens, its user feeds it and waits.

    Attributes:
        process: The launcher's process id on the host, once it is known.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.process: int | None = None
        self._pipe: InputPipe | None = None
        self._stdout = Collector(_NOISE_LIMIT)
        self._stderr = LineSplitter()
        self._early_errors: bytearray | None = bytearray()
        self._limit = 0
        self._status: int | None = None
        self._ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
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
        try:
            self._stdout.add(data)
        except OutputTooLarge:
            self.lost(HostError(f"the script printed more than {self._limit} bytes", host=self.host))
            return
        if self.process is None:
            found = find_ready(self._stdout.value())
            if found is not None:
                self.process, rest = found
                self._started.set()
                self._stdout = Collector(self._limit or _NOISE_LIMIT)
                if rest:
                    self.printed(rest)

    def complained(self, data: bytes) -> None:
        """Take bytes of standard error; all that came before the launcher was ready is noise."""
        self._stay_awake()
        if self._early_errors is None:
            self._stderr.add(data)
            return
        self._early_errors += data
        found = find_ready(bytes(self._early_errors))
        if found is not None:
            self._early_errors = None
            self._stderr.add(found[1])
        elif len(self._early_errors) > _NOISE_LIMIT:
            del self._early_errors[:-_NOISE_LIMIT]

    def pause(self) -> None:
        """Let writers wait: the other side is slow."""
        self._writable.clear()

    def resume(self) -> None:
        """Let writers go on."""
        self._writable.set()

    def exited(self, status: int) -> None:
        """Take the exit status; output may still follow."""
        self._status = status
        self._writable.set()
        self._stay_awake()

    def closed(self) -> None:
        """Take that no more will come."""
        self._end(self._status)

    def lost(self, error: HostError) -> None:
        """Take that the launcher can't be followed any longer."""
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # so that an execution nobody waits for leaves no warning
        self._release()

    # What the user does.

    @property
    def ended(self) -> bool:
        """Whether the launcher has ended or was lost."""
        return self._ended.done()

    def follow(self, *, limit: int, on_line: LineSink | None) -> None:
        """Say how much standard output to keep, in bytes, and who gets the lines of standard error."""
        self._limit = limit
        self._stderr.sink = on_line
        kept = self._stdout.value()
        self._stdout = Collector(limit if self.process is not None else max(limit, _NOISE_LIMIT))
        self._stdout.add(kept)

    async def write(self, data: bytes) -> bool:
        """Write part of the input once the other side takes it; False when it has ended instead."""
        await self._writable.wait()
        if self.ended or self._status is not None or self._pipe is None:
            return False
        self._pipe.write(data)
        return True

    async def feed(
        self, data: bytes, source: Source | None = None, on_progress: ByteCounter | None = None
    ) -> None:
        """Write the launcher's whole input; stop early when the launcher ends.

        Raises:
            OSError: The source can't be read.
        """
        await self.write(data)
        if source is not None:
            moved = 0
            async with contextlib.aclosing(chunks(source)) as stream:
                async for chunk in stream:
                    if not await self.write(chunk):
                        return
                    moved += len(chunk)
                    if on_progress is not None:
                        on_progress(moved)
        self.write_eof()

    def write_eof(self) -> None:
        """End the input after what was written."""
        if self._pipe is not None:
            self._pipe.write_eof()

    async def started(self) -> None:
        """Wait until the launcher is ready, or has ended without."""
        await self._started.wait()

    async def wait(self) -> int | None:
        """Wait for the end.

        Returns:
            The exit status, or None when the carrier never learned it.

        Raises:
            HostError: The launcher was lost.
        """
        return await asyncio.shield(self._ended)

    def output(self) -> bytes:
        """Return all of standard output behind the launcher's own line."""
        return self._stdout.value()

    def errors(self) -> tuple[str, ...]:
        """Return the last lines of standard error, or all that came instead of a launcher."""
        if self._early_errors is not None:
            noise = LineSplitter()
            noise.add(bytes(self._early_errors))
            noise.finish()
            return tuple(noise.last)
        return tuple(self._stderr.last)

    def abandon(self) -> None:
        """Let go of the launcher; what runs on the host goes on."""
        self.lost(HostUnreachable("the connection was closed while a script ran", host=self.host))

    def _stay_awake(self) -> None:
        """After the exit, wait for more output only as long as some keeps coming."""
        if self._status is None or self.ended:
            return
        if self._quiet is not None:
            self._quiet.cancel()
        loop = asyncio.get_running_loop()
        self._quiet = loop.call_later(QUIET_SECONDS, self._end, self._status)

    def _end(self, status: int | None) -> None:
        self._stderr.finish()
        if not self._ended.done():
            self._ended.set_result(status)
        self._release()

    def _release(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        self._started.set()
        self._writable.set()
        if self._pipe is not None:
            pipe, self._pipe = self._pipe, None
            pipe.close()
