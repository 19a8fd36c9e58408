"""Blobs as one tar stream, verified while they are read."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from sealer.changes import Blob
from sealer.errors import VerificationError

CHUNK = 1 << 20


class BlobSource(Protocol):
    """Where the bytes of blobs are: the image store."""

    def blob_path(self, digest: str) -> Path:
        """Return the file that should hold exactly the bytes of that digest."""


def stream_size(blobs: Sequence[Blob]) -> int:
    """Return how many bytes ``stream_blobs`` will yield."""
    return sum(512 + -(-blob.size // 512) * 512 for blob in blobs) + 1024


async def stream_blobs(source: BlobSource, blobs: Sequence[Blob]) -> AsyncIterator[bytes]:
    """Yield a tar archive of blobs, each member named by the hex digest of its content.

    Raises:
        VerificationError: A blob is missing, or does not have its digest. What was yielded until then is no
            whole archive, and the receiver verifies every member as well.
    """
    for blob in blobs:
        name = blob.digest.partition(":")[2]
        info = tarfile.TarInfo(name)
        info.size = blob.size
        info.mode = 0o600
        yield info.tobuf(tarfile.USTAR_FORMAT)
        for chunk in _verified(source.blob_path(blob.digest), blob):
            yield chunk
        yield b"\0" * (-blob.size % 512)
    yield b"\0" * 1024


def _verified(path: Path, blob: Blob) -> Iterator[bytes]:
    """Yield the chunks of a blob; the last one only when all of them have the digest."""
    digest = hashlib.sha256()
    moved = 0
    held = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                moved += len(chunk)
                if held:
                    yield held
                held = chunk
    except FileNotFoundError as error:
        raise VerificationError(f"blob {blob.digest} is missing", place=str(path), hint=_HINT) from error
    if f"sha256:{digest.hexdigest()}" != blob.digest or moved != blob.size:
        raise VerificationError(f"blob {blob.digest} is damaged", place=str(path), hint=_HINT)
    yield held


_HINT = "pull or load the image again, then run sealer resume"
