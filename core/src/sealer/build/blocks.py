"""A layer's bytes on their way into the store: cut into equal blocks, hashed, compressed and written.

Equal blocks make the compressed bytes depend on nothing but the content. Memory is a few blocks.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from isal import igzip_threaded

from sealer.errors import ImageError
from sealer.image.blobs import BlobWriter
from sealer.image.extension import LAYER_SIZE
from sealer.image.oci import OCI_LAYER, OCI_LAYER_GZIP, Descriptor
from sealer.image.store import ImageStore

BLOCK = 1 << 20
Moved = Callable[[int], None]
_THREADS = 2
_LEVEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer in the store.

    Attributes:
        descriptor: Of the blob.
        diff_id: The digest of the layer before compression.
        created_by: What made it, for the image's history.
    """

    descriptor: Descriptor
    diff_id: str
    created_by: str


class BlockWriter(ABC):
    """Takes the bytes of one layer and cuts them into blocks of equal size."""

    def __init__(self) -> None:
        self._block = bytearray(BLOCK)
        self._used = 0
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        view = memoryview(data)
        while view.nbytes:
            count = min(view.nbytes, BLOCK - self._used)
            self._block[self._used : self._used + count] = view[:count]
            self._advance(count)
            view = view[count:]

    def write_file(self, descriptor: int, size: int) -> int:
        """Append up to ``size`` bytes of an open file; return how many there were."""
        left = size
        while left:
            space = memoryview(self._block)[self._used : self._used + left]
            count = os.readv(descriptor, [space])
            space.release()
            if not count:
                break
            self._advance(count)
            left -= count
        return size - left

    @abstractmethod
    def _take(self, block: memoryview) -> None:
        """Take a block, which is valid during the call."""

    def _advance(self, count: int) -> None:
        self._used += count
        if self._used == BLOCK:
            self._flush()

    def _flush(self) -> None:
        with memoryview(self._block)[: self._used] as block:
            self._take(block)
        self._size += self._used
        self._used = 0


class LayerDigest(BlockWriter):
    """Takes the bytes of a layer to tell their digest, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._hash = hashlib.sha256()

    def diff_id(self) -> str:
        """Return the digest; nothing can be written afterwards."""
        self._flush()
        return f"sha256:{self._hash.hexdigest()}"

    def _take(self, block: memoryview) -> None:
        self._hash.update(block)


class LayerWriter(BlockWriter):
    """Takes the bytes of one layer; use it in a ``with`` block and ``commit`` at the end.

    Args:
        store: Where the layer goes.
        compress: Whether it is compressed; what holds compressed content already is not.
        moved: Is told the size of each block once it is taken; what it raises ends the layer.
    """

    def __init__(self, store: ImageStore, *, compress: bool, moved: Moved = lambda count: None) -> None:
        super().__init__()
        self._store = store
        self._compress = compress
        self._moved = moved
        # What is not compressed is the blob itself, which has its own digest.
        self._hash = hashlib.sha256() if compress else None
        self._stream: IO[bytes] | None = None
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._blob = self._resources.enter_context(self._store.writer())
        if self._compress:
            # igzip's default level is the better ratio at half the speed; layers are mostly programs.
            self._stream = igzip_threaded.open(  # type: ignore[no-untyped-call]  # isal leaves it untyped
                _Unflushed(self._blob), "wb", compresslevel=_LEVEL, threads=_THREADS, block_size=BLOCK
            )
            self._resources.callback(_abandon, self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._resources.close()
        except OSError:
            # A file that can't be written can't be closed either, and that is known already.
            if kind is None:
                raise

    def commit(self, created_by: str, annotations: Mapping[str, str]) -> Layer:
        """Put the layer into the store; nothing can be written afterwards.

        Raises:
            ImageError: The store can't be written.
        """
        self._flush()
        if self._stream is not None:
            self._stream.close()
        media_type = OCI_LAYER_GZIP if self._compress else OCI_LAYER
        said = {**annotations, LAYER_SIZE: str(self._size)}
        descriptor = self._blob.commit(media_type, annotations=said)
        diff_id = descriptor.digest if self._hash is None else f"sha256:{self._hash.hexdigest()}"
        return Layer(descriptor=descriptor, diff_id=diff_id, created_by=created_by)

    def _take(self, block: memoryview) -> None:
        if self._hash is not None:
            self._hash.update(block)
        (self._stream or self._blob).write(block)
        self._moved(block.nbytes)


class _Unflushed:
    """A blob as igzip takes it: igzip flushes what it writes to, and blobs go to the disk when whole."""

    def __init__(self, blob: BlobWriter) -> None:
        self.write = blob.write

    def flush(self) -> None:
        """Do nothing."""


def _abandon(stream: IO[bytes]) -> None:
    """End a stream and its threads, whether it was closed, failed or is not wanted any more."""
    with suppress(ImageError):
        stream.close()
