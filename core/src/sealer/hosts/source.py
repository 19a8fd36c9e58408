"""Bulk bytes on their way to a host: read ahead, cut to size, counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from sealer.hosts.connection import Source

CHUNK = 1024 * 1024
"""Bytes that are read from a file at once; two such chunks are in memory at most."""


async def chunks(source: Source) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a source, those of a file read in a thread one chunk ahead.

    Raises:
        OSError: The file can't be read.
    """
    if not isinstance(source, Path):
        async for chunk in source:
            yield chunk
        return
    with await asyncio.to_thread(source.open, "rb", 0) as file:
        reading = asyncio.create_task(asyncio.to_thread(file.read, CHUNK))
        try:
            # A thread can't be cancelled: the shield lets it finish before the file is closed.
            while chunk := await asyncio.shield(reading):
                reading = asyncio.create_task(asyncio.to_thread(file.read, CHUNK))
                yield chunk
        finally:
            await asyncio.gather(reading, return_exceptions=True)
