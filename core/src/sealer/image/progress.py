"""Reports how far a transfer is that another program does, by looking at the files it reads or writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sealer.events import EventSink, TransferProgress

_PERIOD = 0.5


@asynccontextmanager
async def reporting(
    measure: Callable[[], int], *, subject: str, total: int, sink: EventSink
) -> AsyncIterator[None]:
    """Send a ``TransferProgress`` now and then while the block runs, and at its end when it succeeded.

    Args:
        measure: Returns the number of bytes moved so far.
        subject: What is moved.
        total: How many bytes there are to move.
        sink: Takes the events.
    """

    def send(moved: int) -> None:
        sink(TransferProgress(subject=subject, host=None, moved=min(moved, total), total=total))

    async def watch() -> None:
        while True:
            await asyncio.sleep(_PERIOD)
            send(measure())

    send(0)
    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
    send(total)


class ReadOffsets:
    """How far other programs of this user have read certain files, as Linux tells in ``/proc/<pid>/fdinfo``.

    Args:
        sizes: The size of each file, by its resolved path.
    """

    def __init__(self, sizes: Mapping[Path, int]) -> None:
        self._sizes = sizes
        self._seen: dict[Path, int] = {}

    def read_by(self, process: int) -> int:
        """Return the bytes that a process has read of all the files; one that it closed counts as read."""
        open_now = set()
        for link in Path(f"/proc/{process}/fd").glob("*"):
            with suppress(OSError, ValueError):
                path = link.readlink()
                if path in self._sizes:
                    information = Path(f"/proc/{process}/fdinfo/{link.name}").read_text()
                    self._seen[path] = int(information.split("pos:", 1)[1].split()[0])
                    open_now.add(path)
        for path in self._seen.keys() - open_now:
            self._seen[path] = self._sizes[path]
        return sum(self._seen.values())
