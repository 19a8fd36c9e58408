"""Reads what may be compressed from beginning to end, in pieces of a bounded size whatever comes out."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zlib
from typing import IO, TYPE_CHECKING, Protocol, cast

from isal import igzip, isal_zlib

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LONGEST_MAGIC = 6
_FAILURES: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    zlib.error,
    cast("type[Exception]", isal_zlib.error),
    lzma.LZMAError,
)


class Stream(Protocol):
    """What is read from beginning to end."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


def unpacked(stream: Stream) -> Stream:
    """Return what reads the content of a stream, which may be compressed with gzip, bzip2 or xz.

    Where that fails it raises ``tarfile.ReadError``. (tarfile can do it too, but takes all into memory that a
    piece of the stream comes to, and copies it again for every block.)
    """
    begun = _Begun(stream)
    file = cast("IO[bytes]", begun)
    if begun.head.startswith(b"\x1f\x8b"):
        return _Unpacked(cast("IO[bytes]", igzip.IGzipFile(fileobj=file, mode="rb")))  # type: ignore[no-untyped-call]  # isal leaves it untyped
    if begun.head.startswith(b"BZh"):
        return _Unpacked(cast("IO[bytes]", bz2.BZ2File(file)))
    if begun.head.startswith(b"\xfd7zXZ\x00"):
        return _Unpacked(cast("IO[bytes]", lzma.LZMAFile(file)))
    return cast(Stream, begun)


class _Begun(io.RawIOBase):
    """A stream whose first bytes were looked at."""

    def __init__(self, stream: Stream) -> None:
        self.head = stream.read(_LONGEST_MAGIC)
        self._left = self.head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._left[: view.nbytes] or self._stream.read(view.nbytes)
        self._left = self._left[len(data) :]
        view[: len(data)] = data
        return len(data)


class _Unpacked:
    """A stream that is decompressed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except _FAILURES as error:
            raise tarfile.ReadError(str(error)) from error
