"""The directory of an image store: its paths, atomic writes, and the locks that keep processes apart."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sealer.errors import ImageError
from sealer.image.digest import hex_of

LAYOUT_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
"""The content of the file ``oci-layout``."""


class Layout:
    """The paths of one store.

    ``oci-layout``, ``index.json`` and ``blobs/sha256`` are an OCI image layout. ``tmp`` holds what is being
    written; everything in it was left by a process that died, unless somebody holds a lease.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index.json"
        self.marker = root / "oci-layout"
        self.blobs = root / "blobs" / "sha256"
        self.temporary = root / "tmp"
        self._index_lock = root / "index.lock"
        self._lease_lock = root / "lease.lock"

    def blob(self, digest: str) -> Path:
        """Return where the blob of that digest lives, whether it exists or not."""
        return self.blobs / hex_of(digest)

    def create(self) -> None:
        """Make the directories and the marker of the layout, unless they exist."""
        self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        if not self.marker.exists():
            write_atomically(self.marker, LAYOUT_MARKER, self.temporary)

    @contextmanager
    def index_lock(self) -> Iterator[None]:
        """Be the only one to change ``index.json``. Readers need no lock: the file is replaced whole."""
        with _locked(self._index_lock, fcntl.LOCK_EX):
            yield

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Keep every process from removing blobs, for as long as the block runs."""
        with _locked(self._lease_lock, fcntl.LOCK_SH):
            yield

    @contextmanager
    def sweeping(self) -> Iterator[bool]:
        """Be the only user of the blobs: yields False, at once, when somebody holds a lease."""
        try:
            lock = _open_locked(self._lease_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            os.close(lock)


@contextmanager
def store_access(layout: Layout, *, absent: bool = False) -> Iterator[None]:
    """Turn what the operating system refuses into an error that names the store.

    Args:
        layout: The store.
        absent: Whether a file that does not exist is the caller's business.

    Raises:
        ImageError: Something below the store's directory can't be read or written.
    """
    try:
        yield
    except OSError as error:
        if absent and isinstance(error, FileNotFoundError):
            raise
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise ImageError(
            f"the local store can't be used: {error.strerror or error}",
            place=str(error.filename or layout.root),
            hint="free some space; `sealer prune` removes what no image uses" if full else None,
        ) from error


def write_atomically(path: Path, data: bytes, temporary: Path, *, mode: int = 0o644) -> None:
    """Write a file so that readers, and a crash, find either the old content or the new.

    Args:
        path: The file.
        data: Its new content.
        temporary: A directory of the same file system.
        mode: Permissions of the new file, before the umask.
    """
    written = temporary / secrets.token_hex(8)
    try:
        with create_file(written, mode=mode) as file:
            file.write(data)
        publish(written, path)
    finally:
        written.unlink(missing_ok=True)


def create_file(path: Path, *, mode: int = 0o644) -> BinaryIO:
    """Open a file that does not exist yet for writing."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb")


def publish(written: Path, path: Path) -> None:
    """Bring a complete file to the disk and rename it to its place, replacing what is there."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    lock = _open_locked(path, kind)
    try:
        yield
    finally:
        os.close(lock)


def _open_locked(path: Path, kind: int) -> int:
    """Return a descriptor that holds the lock until it is closed, also by the death of the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
