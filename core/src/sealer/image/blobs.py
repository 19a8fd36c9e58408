"""Blobs of a store: written under the digest of their content, and checked against it when read."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sealer.errors import ImageError, VerificationError
from sealer.image.layout import Layout, create_file, publish, store_access
from sealer.image.oci import Descriptor
from sealer.model.image import EMPTY

CHUNK = 1 << 20
_MAXIMUM_DOCUMENT = 64 << 20


class BlobWriter:
    """Takes the content of one blob in chunks; without ``commit`` nothing of it remains.

    Holds a lease while it is open. To keep the blob safe from other processes until a manifest names it,
    hold ``ImageStore.lease`` around the writers and ``put_manifest``.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._hash = hashlib.sha256()
        self._size = 0
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with store_access(self._layout), ExitStack() as stack:
            self._layout.create()
            stack.enter_context(self._layout.lease())
            self._path = self._layout.temporary / secrets.token_hex(8)
            stack.callback(self._path.unlink, missing_ok=True)
            self._file = stack.enter_context(create_file(self._path))
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append a chunk, and return its length."""
        self._hash.update(data)
        self._size += len(data)
        with store_access(self._layout):
            return self._file.write(data)

    def commit(self, media_type: str, *, annotations: Mapping[str, str] = EMPTY) -> Descriptor:
        """Put the blob into the store and return its descriptor; nothing can be written afterwards."""
        digest = f"sha256:{self._hash.hexdigest()}"
        with store_access(self._layout):
            self._file.close()
            # Replacing a blob that exists costs little, and mends one that was damaged.
            publish(self._path, self._layout.blob(digest))
        return Descriptor(media_type=media_type, digest=digest, size=self._size, annotations=annotations)


class VerifyingReader(io.RawIOBase):
    """Reads a blob and gives its last bytes only when all of it has the right digest."""

    def __init__(self, file: io.BufferedReader, digest: str, size: int) -> None:
        super().__init__()
        self._file = file
        self._digest = digest
        self._left = size
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than Buffer
        """Read some bytes.

        Raises:
            VerificationError: The content does not have the digest.
        """
        view = memoryview(buffer)[: self._left]
        if not view.nbytes:
            return 0
        # A file that ends early gives nothing, which is damage too.
        count = self._file.readinto(view)
        self._hash.update(view[:count])
        self._left -= count
        if not count or (not self._left and f"sha256:{self._hash.hexdigest()}" != self._digest):
            raise damaged(self._digest)
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class Blobs:
    """The blobs of one store."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._verified: dict[str, tuple[int, int, int]] = {}

    def has(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob of that digest and size is there; its content is not looked at."""
        try:
            return self._layout.blob(descriptor.digest).stat().st_size == descriptor.size
        except FileNotFoundError:
            return False

    def holds(self, descriptor: Descriptor, data: bytes) -> bool:
        """Tell whether a small blob is there with exactly this content."""
        try:
            with store_access(self._layout, absent=True):
                return self.has(descriptor) and self._layout.blob(descriptor.digest).read_bytes() == data
        except FileNotFoundError:
            return False

    def open(self, digest: str) -> io.BufferedReader:
        """Open a blob for reading, checked while it is read.

        Raises:
            ImageError: There is no such blob.
            VerificationError: From reading, at the latest instead of the last bytes.
        """
        file = self._open(digest)
        size = os.fstat(file.fileno()).st_size
        if not size and digest != f"sha256:{hashlib.sha256().hexdigest()}":
            file.close()
            raise damaged(digest)
        return io.BufferedReader(VerifyingReader(file, digest, size), CHUNK)

    def verify(self, digest: str) -> Path:
        """Read a blob to the end and return its path.

        A blob is read once a process; it is read again when the file has become another one, or has
        another size or modification time.

        Raises:
            ImageError: There is no such blob.
            VerificationError: Its content does not have the digest.
        """
        path = self._layout.blob(digest)
        with self._open(digest) as file:
            status = os.fstat(file.fileno())
            identity = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._verified.get(digest) != identity:
                if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != digest:
                    raise damaged(digest)
                self._verified[digest] = identity
        return path

    def read(self, digest: str) -> bytes:
        """Return all of a small blob, such as a manifest or a config, checked.

        Raises:
            ImageError: There is no such blob, or it is too large for a document.
            VerificationError: Its content does not have the digest.
        """
        with self.open(digest) as reader:
            data = reader.read(_MAXIMUM_DOCUMENT)
            if reader.read(1):
                raise ImageError(f"blob {digest} is too large for a manifest or config")
        return data

    def _open(self, digest: str) -> io.BufferedReader:
        try:
            with store_access(self._layout, absent=True):
                return self._layout.blob(digest).open("rb")
        except FileNotFoundError as error:
            raise missing(digest) from error


def damaged(digest: str) -> VerificationError:
    """Return the error for a blob whose content does not have its digest."""
    return VerificationError(
        f"blob {digest} is damaged: its content has another digest",
        hint="pull or load the image again, or build it with --no-cache: that replaces the blob",
    )


def missing(digest: str) -> ImageError:
    """Return the error for a blob that is not there."""
    return ImageError(f"blob {digest} is not in the local store", hint="pull, load or build the image again")
