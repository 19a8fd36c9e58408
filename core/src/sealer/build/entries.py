"""Layers whose every entry is known: what an archive holds, or what a command has left behind."""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sealer.build.layer_plans import FORMAT, Fingerprint, LayerPlan, above_of
from sealer.build.tar import ROOT, TarWriter
from sealer.errors import ImageError
from sealer.image.extension import LayerContent
from sealer.kubefile.instructions import Owner


class EntryKind(enum.Enum):
    """What an entry is."""

    DIRECTORY = "directory"
    FILE = "file"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    REMOVAL = "removal"
    OPAQUE = "replaced directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path of a layer.

    Attributes:
        path: In the image, without leading slash.
        kind: What it is. A removal hides what lower layers have there; a replaced directory is one of which
            they show nothing any more.
        mode: Its permissions, with those for set-user-ID and the like.
        owner: Its owner.
        link: Where a symbolic link points, or the path of the other name of a hard link.
        content: The file that has the content of a file.
        size: Of a file, in bytes.
        capabilities: The value of the extended attribute ``security.capability``, or nothing.
    """

    path: str
    kind: EntryKind
    mode: int = 0o755
    owner: Owner = ROOT
    link: str = ""
    content: Path | None = None
    size: int = 0
    capabilities: bytes = b""


@dataclass(frozen=True, kw_only=True)
class EntriesPlan(LayerPlan):
    """A layer with these entries.

    Attributes:
        created_by: What makes it, for the image's history.
        entries: Its entries, in any order, each path once; hard links after their files.
        content: Which part of the image's root it is.
    """

    created_by: str
    entries: tuple[Entry, ...]
    content: LayerContent = field(default=LayerContent.ROOTFS)
    compress: bool = field(default=True, init=False)

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(entry.size for entry in self.entries)

    def fingerprint(self) -> Fingerprint:
        """Return what it is made from; nothing but its content tells whether that is what it was."""
        shape = hashlib.sha256(repr((FORMAT, "entries")).encode())
        for entry in self.entries:
            owner = (entry.owner.user, entry.owner.group)
            fields = (entry.path, entry.kind, entry.mode, owner, entry.link, entry.size, entry.capabilities)
            shape.update(repr(fields).encode(errors="surrogateescape"))
        return Fingerprint(shape=shape.hexdigest(), identity=None)

    def add_to(self, tar: TarWriter) -> None:
        """Append its entries.

        Raises:
            ImageError: A file can't be read.
        """
        for entry in with_directories(self.entries):
            match entry.kind:
                case EntryKind.DIRECTORY:
                    tar.add_directory(entry.path, mode=entry.mode, owner=entry.owner)
                case EntryKind.OPAQUE:
                    tar.add_directory(entry.path, mode=entry.mode, owner=entry.owner)
                    tar.add_opaque_mark(entry.path)
                case EntryKind.LINK:
                    tar.add_link(entry.path, entry.link, owner=entry.owner)
                case EntryKind.HARD_LINK:
                    tar.add_hard_link(entry.path, entry.link, mode=entry.mode, owner=entry.owner)
                case EntryKind.REMOVAL:
                    tar.add_removal(entry.path)
                case EntryKind.FILE:
                    _add_file(tar, entry)


def with_directories(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries sorted, after the directories they are in; hard links come last, after their files."""
    found = sorted(entries, key=lambda entry: os.fsencode(entry.path).split(b"/"))
    known = {entry.path for entry in found}
    for entry in found:
        if entry.kind is EntryKind.HARD_LINK:
            continue
        for above in above_of(entry.path):
            if above not in known:
                known.add(above)
                yield Entry(path=above, kind=EntryKind.DIRECTORY)
        yield entry
    yield from (entry for entry in found if entry.kind is EntryKind.HARD_LINK)


def _add_file(tar: TarWriter, entry: Entry) -> None:
    assert entry.content is not None  # noqa: S101  # a file has content
    try:
        descriptor = os.open(entry.content, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise ImageError(f"cannot read {entry.path}: {error.strerror}") from error
    try:
        tar.add_file(
            entry.path, descriptor, mode=entry.mode, owner=entry.owner, capabilities=entry.capabilities
        )
    finally:
        os.close(descriptor)
