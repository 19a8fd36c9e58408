"""Where the blobs of an image gather before any of them is in the store: pulls and loads, all or nothing."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sealer.errors import ImageError, VerificationError
from sealer.image.blobs import CHUNK, damaged
from sealer.image.digest import digest_of, hex_of, is_digest
from sealer.image.layout import create_file, publish
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore
from sealer.image.streams import unpacked

_PREFIX = "gather-"


class Staging:
    """A directory inside the store, on the same file system as its blobs.

    It holds a lease. Blobs that the store has already are borrowed: a link stands for them. What a process
    that died had gathered is taken over by the next one that keeps: a pull goes on where it was cut off.

    Args:
        store: The store that the blobs will go to.
        keep: Whether complete blobs are left for the next attempt when the block ends with an error.
    """

    def __init__(self, store: ImageStore, *, keep: bool = False) -> None:
        self._store = store
        self._keep = keep
        self._resources = ExitStack()
        self.path = store.layout.temporary / f"{_PREFIX}{secrets.token_hex(8)}"
        self.shared = self.path / "blobs"
        self._blobs = self.shared / "sha256"
        self._checked: set[str] = set()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._store.lease())
            # Under its name only once it is locked, or another process would take it for abandoned.
            unnamed = self.path.with_name(secrets.token_hex(8))
            unnamed.mkdir()
            stack.callback(os.close, _lock(unnamed))
            unnamed.rename(self.path)
            self._blobs.mkdir(parents=True)
            if self._keep:
                self._take_over()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if kind is None or not self._keep or not any(self._blobs.iterdir()):
                shutil.rmtree(self.path)

    def blob(self, digest: str) -> Path:
        """Return where the blob of that digest gathers."""
        return self._blobs / hex_of(digest)

    def borrow(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob need not be fetched: the store has it, undamaged, or it is here already."""
        place = self.blob(descriptor.digest)
        if place.exists():
            return True
        if not self._store.has_blob(descriptor):
            return False
        try:
            place.symlink_to(self._store.verified_blob(descriptor.digest))
        except VerificationError:
            return False
        return True

    def add(self, data: bytes) -> str:
        """Add a small blob, and return its digest."""
        digest = digest_of(data)
        place = self.blob(digest)
        if not place.exists():
            with create_file(place) as file:
                file.write(data)
        return digest

    def receive(self, digest: str, content: IO[bytes], report: Callable[[], None]) -> None:
        """Take a blob from a stream.

        Args:
            digest: What it should have.
            content: Is read to its end.
            report: Is called after each chunk.

        Raises:
            VerificationError: It has another digest.
        """
        arriving, found, _ = self._write(content, report)
        if found != digest:
            raise damaged(digest)
        self._take(arriving, digest)

    def take(self, content: IO[bytes], report: Callable[[], None]) -> tuple[str, int]:
        """Take a blob of unknown digest from a stream, and return its digest and size."""
        arriving, digest, size = self._write(content, report)
        self._take(arriving, digest)
        return digest, size

    def content_digest(self, digest: str) -> str:
        """Return the digest of what a blob holds that is compressed.

        Raises:
            ImageError: It can't be read.
        """
        checksum = hashlib.sha256()
        try:
            with self.blob(digest).open("rb") as file:
                content = unpacked(file)
                while chunk := content.read(CHUNK):
                    checksum.update(chunk)
        except (tarfile.ReadError, OSError) as error:
            raise ImageError(f"blob {digest} can't be unpacked: {error}") from error
        return f"sha256:{checksum.hexdigest()}"

    def _write(self, content: IO[bytes], report: Callable[[], None]) -> tuple[Path, str, int]:
        arriving = self.path / secrets.token_hex(8)
        checksum = hashlib.sha256()
        size = 0
        with create_file(arriving) as file:
            while chunk := content.read(CHUNK):
                checksum.update(chunk)
                size += file.write(chunk)
                report()
        return arriving, f"sha256:{checksum.hexdigest()}", size

    def _take(self, arriving: Path, digest: str) -> None:
        arriving.replace(self.blob(digest))
        self._checked.add(digest)

    def read(self, descriptor: Descriptor) -> bytes:
        """Return the content of a small blob that was received.

        Raises:
            ImageError: It was not received.
        """
        if descriptor.digest not in self._checked:
            raise ImageError(f"blob {descriptor.digest} is missing")
        return self.blob(descriptor.digest).read_bytes()

    def publish(self, descriptors: Iterable[Descriptor]) -> None:
        """Check what has gathered for the descriptors, all of it, and only then put it into the store.

        Raises:
            ImageError: A blob has not gathered.
            VerificationError: A blob has another digest or size than it should.
        """
        arrived: dict[str, Path] = {}
        for descriptor in descriptors:
            place = self.blob(descriptor.digest)
            if not place.exists():
                raise ImageError(f"blob {descriptor.digest} is missing")
            if place.stat().st_size != descriptor.size:
                raise VerificationError(
                    f"blob {descriptor.digest} has {place.stat().st_size} bytes, not {descriptor.size}"
                )
            if not place.is_symlink():
                if descriptor.digest not in self._checked and _digest_of_file(place) != descriptor.digest:
                    raise damaged(descriptor.digest)
                arrived[descriptor.digest] = place
        for digest, place in arrived.items():
            publish(place, self._store.blob_path(digest))

    def _take_over(self) -> None:
        """Take the complete blobs of gatherings whose process is gone."""
        for other in self._store.layout.temporary.glob(f"{_PREFIX}*"):
            if other == self.path:
                continue
            try:
                lock = _lock(other)
            except OSError:
                # In use; or finished a moment ago.
                continue
            try:
                for blob in (other / "blobs" / "sha256").glob("*"):
                    if _is_whole(blob):
                        blob.replace(self._blobs / blob.name)
                        self._checked.add(f"sha256:{blob.name}")
                shutil.rmtree(other)
            finally:
                os.close(lock)


def _is_whole(blob: Path) -> bool:
    digest = f"sha256:{blob.name}"
    return is_digest(digest) and not blob.is_symlink() and _digest_of_file(blob) == digest


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _lock(directory: Path) -> int:
    """Return a descriptor that holds a lock on a directory, as long as this process lives.

    Raises:
        OSError: Another process holds it, or the directory is gone.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with ExitStack() as stack:
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stack.pop_all()
    return descriptor
