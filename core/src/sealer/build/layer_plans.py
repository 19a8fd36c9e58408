"""What layers are made from: said without reading any file, and written when it is wanted."""

from __future__ import annotations

import hashlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import isal

from sealer.build.context import FileOpener
from sealer.build.tar import TarWriter
from sealer.build.tree import TreeEntry
from sealer.errors import ImageError
from sealer.image.extension import LayerContent

FORMAT = f"layer 1, isal {isal.__version__}"
"""Names the way from files to the bytes of a layer: what was written another way is not the same layer."""

# A file changed just now may change again without its times telling; file systems count in up to two seconds.
_SETTLED = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a layer is made from.

    Attributes:
        shape: The digest of names, sizes and permissions.
        identity: The digest of these and of what tells that no content has changed; None when nothing does.
    """

    shape: str
    identity: str | None


class LayerPlan(ABC):
    """A layer that is to be written."""

    created_by: str
    content: LayerContent
    compress: bool

    @property
    def subject(self) -> str:
        """What reports of progress call it; layers with one subject are reported as one."""
        return self.created_by

    @property
    @abstractmethod
    def size(self) -> int:
        """The bytes of all its files."""

    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Return what it is made from; no file is read."""

    def newer(self, moment: int) -> int:
        """Return the bytes of files that may have changed since a moment, in nanoseconds since 1970."""
        return self.size

    @abstractmethod
    def add_to(self, tar: TarWriter) -> None:
        """Append its entries.

        Raises:
            ImageError: A file can't be read.
        """


@dataclass(frozen=True, kw_only=True)
class TreePlan(LayerPlan):
    """A layer with files of directories.

    Attributes:
        created_by: What makes it, for the image's history.
        content: Which part of the image's root it is.
        entries: Its files, each after the directories it is in.
        hides: A directory whose content in lower layers is not part of the image any more.
    """

    created_by: str
    content: LayerContent
    entries: tuple[TreeEntry, ...]
    hides: str | None = None
    compress: bool = field(default=True, init=False)

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(entry.size for entry in self.entries)

    def fingerprint(self) -> Fingerprint:
        """Return what it is made from; no file is read."""
        shape = hashlib.sha256(repr((FORMAT, self.hides)).encode())
        stamps = hashlib.sha256()
        settled = time.time_ns() - _SETTLED
        certain = True
        for entry in self.entries:
            owner = entry.owner
            fields = (entry.path, entry.permissions, owner.user, owner.group, entry.item.link, entry.size)
            shape.update(repr(fields).encode(errors="surrogateescape"))
            if entry.is_file:
                stamps.update(repr(entry.item.stamp).encode())
                certain = certain and entry.item.stamp[3] < settled
        identity = f"{shape.hexdigest()}{stamps.hexdigest()}" if certain else None
        return Fingerprint(shape=shape.hexdigest(), identity=identity)

    def newer(self, moment: int) -> int:
        """Return the bytes of files that may have changed since a moment, in nanoseconds since 1970."""
        return sum(entry.size for entry in self.entries if entry.item.stamp[3] >= moment)

    def add_to(self, tar: TarWriter) -> None:
        """Append its entries."""
        with FileOpener() as opener:
            for entry in self.entries:
                self._add(tar, entry, opener)

    def _add(self, tar: TarWriter, entry: TreeEntry, opener: FileOpener) -> None:
        if entry.item.is_directory:
            tar.add_directory(entry.path, mode=entry.permissions, owner=entry.owner)
        elif entry.item.link:
            tar.add_link(entry.path, entry.item.link, owner=entry.owner)
        else:
            with entry.open(opener) as descriptor:
                tar.add_file(entry.path, descriptor, mode=entry.permissions, owner=entry.owner)
        if self.hides is not None and entry.path == self.hides:
            tar.add_opaque_mark(self.hides)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFile:
    """A file that is named, not found.

    Attributes:
        path: In the image, without leading slash.
        data: Its content, or the file that has it.
        size: In bytes.
        mode: Its permissions.
        digest: The digest of its content, or "" when it is not known.
    """

    path: str
    data: bytes | Path
    size: int
    mode: int = 0o644
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class FilesPlan(LayerPlan):
    """A layer with files that are named one by one, and the directories they are in.

    Attributes:
        created_by: What makes it, for the image's history.
        content: Which part of the image's root it is.
        files: The files, each path once.
        compress: Whether the layer is compressed.
    """

    created_by: str
    content: LayerContent
    files: tuple[PlainFile, ...]
    compress: bool

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(file.size for file in self.files)

    def fingerprint(self) -> Fingerprint:
        """Return what it is made from; no file is read."""
        shape = hashlib.sha256(repr((FORMAT, self.compress)).encode())
        marks = hashlib.sha256()
        certain = True
        for file in self._sorted():
            shape.update(repr((file.path, file.mode, file.size)).encode())
            mark = file.digest or _mark(file.data)
            certain = certain and mark is not None
            marks.update(repr(mark).encode())
        identity = f"{shape.hexdigest()}{marks.hexdigest()}" if certain else None
        return Fingerprint(shape=shape.hexdigest(), identity=identity)

    def add_to(self, tar: TarWriter) -> None:
        """Append its entries."""
        directories: set[str] = set()
        for file in self._sorted():
            for above in above_of(file.path):
                if above not in directories:
                    tar.add_directory(above)
                    directories.add(above)
            if isinstance(file.data, bytes):
                tar.add_bytes(file.path, file.data, mode=file.mode)
            else:
                _add_path(tar, file.path, file.data, file.mode)

    def _sorted(self) -> list[PlainFile]:
        return sorted(self.files, key=lambda file: file.path.encode().split(b"/"))


def tree_plans(
    entries: Sequence[TreeEntry],
    layers: Iterable[Iterable[int]],
    *,
    created_by: str,
    content: LayerContent,
    hides: str | None = None,
) -> Iterator[TreePlan]:
    """Yield the layers into which a tree was cut, each with the directories that its files are in.

    Args:
        entries: The tree.
        layers: The positions of each layer's entries.
        created_by: What makes them.
        content: Which part of the image's root they are.
        hides: A directory of the tree whose content in layers below all of them is not part of the image.
    """
    directories = {entry.path: entry for entry in entries if entry.item.is_directory}
    hides = hides if hides in directories else None
    for number, positions in enumerate(layers):
        taken: dict[str, TreeEntry] = {}
        if hides is not None and not number:
            for path in (*above_of(hides), hides):
                taken[path] = directories[path]
        for position in positions:
            entry = entries[position]
            for path in above_of(entry.path):
                taken.setdefault(path, directories[path])
            taken.setdefault(entry.path, entry)
        yield TreePlan(
            created_by=created_by,
            content=content,
            entries=tuple(taken.values()),
            hides=None if number else hides,
        )


def above_of(path: str) -> Iterator[str]:
    """Yield the directories that a path is in, the highest first."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _add_path(tar: TarWriter, path: str, source: Path, mode: int) -> None:
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ImageError(f"cannot read it: {error.strerror}", place=str(source)) from error
    try:
        tar.add_file(path, descriptor, mode=mode)
    finally:
        os.close(descriptor)


def _mark(data: bytes | Path) -> str | None:
    """Return what tells whether content has changed, or None when nothing does."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    try:
        status = data.stat()
    except OSError as error:
        raise ImageError(f"cannot read it: {error.strerror}", place=str(data)) from error
    if status.st_ctime_ns >= time.time_ns() - _SETTLED:
        return None
    return repr((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns))
