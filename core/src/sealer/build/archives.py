"""Read tar archives that anybody may have made: nothing of one leaves its place, or grows without bounds."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from sealer.build.entries import Entry, EntryKind
from sealer.errors import ImageError
from sealer.image.tar_bounds import LEAST, MOST_ENTRIES, RATIO, BoundedInfo
from sealer.kubefile.instructions import Owner
from sealer.kubefile.sources import WHITEOUT

_BUFFER = 1 << 20
_USTAR = (257, b"ustar")
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


def is_archive(path: Path) -> bool:
    """Tell whether a file is a tar archive, compressed or not, by what it holds.

    Raises:
        ImageError: It can't be read, or is compressed with zstd.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
        if start.startswith(_ZSTANDARD) and path.name.endswith((".tar.zst", ".tzst")):
            hint = "unpack it, and COPY the files"
            raise ImageError("archives compressed with zstd can't be unpacked", place=str(path), hint=hint)
        with ExitStack() as stack:
            opened = _decompressed(path, start, stack)
            head = opened.read(512) if opened else start
    except (OSError, EOFError, lzma.LZMAError):
        return False
    offset, magic = _USTAR
    return head[offset:].startswith(magic)


def unpack(path: Path, target: str, into: Path, *, shown: str) -> tuple[Entry, ...]:
    """Read an archive into entries; the content of its files goes to numbered files.

    Args:
        path: The archive.
        target: The directory of the image that it is unpacked into.
        into: An empty directory for the content.
        shown: What messages call the archive.

    Raises:
        ImageError: It is damaged, holds what an image must not, or is larger than it may be.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
        with ExitStack() as stack:
            opened = _decompressed(path, start, stack) or stack.enter_context(path.open("rb"))
            limit = LEAST + RATIO * path.stat().st_size
            reader = _Archive(target, into, shown, limit)
            with tarfile.open(fileobj=opened, mode="r|", tarinfo=BoundedInfo, bufsize=_BUFFER) as archive:
                for member in _members(archive):
                    reader.take(member, archive)
            reader.drain(opened)
            return reader.entries
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError, ValueError) as error:
        raise ImageError(f"the archive can't be read: {error}", place=shown) from error


def _decompressed(path: Path, start: bytes, stack: ExitStack) -> IO[bytes] | None:
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], stack.enter_context(gzip.open(path, "rb")))
    if start.startswith(b"BZh"):
        return cast(IO[bytes], stack.enter_context(bz2.open(path, "rb")))
    if start.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00\x80\x00")):
        return cast(IO[bytes], stack.enter_context(lzma.open(path, "rb")))
    return None


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        # tarfile keeps every header it has met, and there can be very many.
        archive.members = []  # type: ignore[attr-defined]  # typeshed has the method alone
        yield member


class _Archive:
    """Takes members and keeps them as entries."""

    def __init__(self, target: str, into: Path, shown: str, limit: int) -> None:
        self._target = target
        self._into = into
        self._shown = shown
        self._limit = limit
        self._left = limit
        self._number = 0
        self._entries: dict[str, Entry] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries.

        Raises:
            ImageError: Something lies below what is no directory, or a hard link leads to no file.
        """
        for path, entry in self._entries.items():
            above = path.rpartition("/")[0]
            while above:
                kind = self._entries[above].kind if above in self._entries else EntryKind.DIRECTORY
                if kind is not EntryKind.DIRECTORY:
                    raise self._refused(path, f"it lies below a {kind.value}")
                above = above.rpartition("/")[0]
            if entry.kind is EntryKind.HARD_LINK:
                other = self._entries.get(entry.link)
                if other is None or other.kind is not EntryKind.FILE:
                    raise self._refused(path, f"it is another name of {entry.link}, which is no file of it")
        return tuple(self._entries.values())

    def take(self, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        """Take one member.

        Raises:
            ImageError: An image must not have it.
        """
        name = self._inside(member.name, member.name, "it lies outside of the archive's root")
        if not name:
            return
        if len(self._entries) >= MOST_ENTRIES:
            raise self._refused(member.name, f"the archive has more than {MOST_ENTRIES} entries")
        path = f"{self._target}/{name}" if self._target else name
        if any(part.startswith(WHITEOUT) for part in name.split("/")):
            raise self._refused(member.name, f"a file's name can't start with {WHITEOUT}")
        owner = Owner(user=_identity(member.uid), group=_identity(member.gid))
        mode = stat.S_IMODE(member.mode)
        if member.isdir():
            entry = Entry(path=path, kind=EntryKind.DIRECTORY, mode=mode, owner=owner)
        elif member.issym():
            self._check_link(member, name)
            entry = Entry(path=path, kind=EntryKind.LINK, owner=owner, link=member.linkname)
        elif member.islnk():
            other = self._inside(member.linkname, member.name, "its other name is outside of the archive")
            link = f"{self._target}/{other}" if self._target else other
            entry = Entry(path=path, kind=EntryKind.HARD_LINK, mode=mode, owner=owner, link=link)
        elif member.isreg():
            content, size = self._content(member, archive)
            entry = Entry(path=path, kind=EntryKind.FILE, mode=mode, owner=owner, content=content, size=size)
        else:
            raise self._refused(member.name, "it is a device, a pipe or of an unknown kind")
        self._entries.pop(path, None)
        self._entries[path] = entry

    def drain(self, opened: IO[bytes]) -> None:
        """Read what comes after the last member, so that checksums at the end are compared."""
        while chunk := opened.read(_BUFFER):
            self._left -= len(chunk)
            if self._left < 0:
                raise self._refused("the end", f"the archive comes to more than {self._limit} bytes")

    def _content(self, member: tarfile.TarInfo, archive: tarfile.TarFile) -> tuple[Path, int]:
        if member.size > self._left:
            message = f"the archive comes to more than {self._limit} bytes"
            raise self._refused(member.name, message, "unpack it yourself, and COPY what you need")
        self._number += 1
        path = self._into / str(self._number)
        source = archive.extractfile(member)
        size = 0
        with path.open("xb") as file:
            while source is not None and (chunk := source.read(_BUFFER)):
                size += len(chunk)
                file.write(chunk)
        if size != member.size:
            raise self._refused(member.name, "the archive ends before its content does")
        self._left -= size
        return path, size

    def _check_link(self, member: tarfile.TarInfo, name: str) -> None:
        depth = name.count("/")
        if member.linkname.startswith("/"):
            raise self._refused(member.name, f"it is a link to {member.linkname}, an absolute path")
        for part in member.linkname.split("/"):
            depth += -1 if part == ".." else part not in {"", "."}
            if depth < 0:
                raise self._refused(member.name, f"it is a link to {member.linkname}, outside of the archive")

    def _inside(self, name: str, member: str, reason: str) -> str:
        parts = name.split("/")
        if name.startswith("/") or ".." in parts:
            raise self._refused(member, reason)
        return "/".join(part for part in parts if part not in {"", "."})

    def _refused(self, member: str, reason: str, hint: str | None = None) -> ImageError:
        return ImageError(f"{member[:120]}: {reason}", place=self._shown, hint=hint)


def _identity(number: int) -> int:
    """Return an owner that a layer can have."""
    return number if 0 <= number <= 2**32 - 2 else 0
