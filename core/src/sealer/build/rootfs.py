"""The root of an image as a directory: layers applied to it, and what a command has changed in it.

Nothing else writes to the directory, and every path is resolved within it: a link in an image that leads
elsewhere leads to that place below the root, as it does for the programs of the image.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sealer.build.entries import Entry, EntryKind
from sealer.build.parent import members
from sealer.errors import ImageError
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore
from sealer.kubefile.instructions import Owner

_OPAQUE = ".wh..wh..opq"
_WHITEOUT = ".wh."
_BUFFER = 1 << 20
_MOST_LINKS = 40
_CAPABILITIES = "security.capability"
_PAX_CAPABILITIES = "SCHILY.xattr.security.capability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells whether a path was changed."""

    mode: int
    owner: Owner
    size: int
    times: tuple[int, int]
    inode: int
    links: int
    link: str = ""


class Rootfs:
    """A directory that holds the root of an image.

    Args:
        root: An empty directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._is_root = os.geteuid() == 0
        # Owners and permissions that a user without privileges can't give to files.
        self._wanted: dict[str, tuple[Owner, int]] = {}
        self._resolved: dict[str, str] = {}

    def apply(self, store: ImageStore, layer: Descriptor) -> None:
        """Put what a layer holds over what is there.

        Raises:
            ImageError: The layer can't be read, or the directory can't be written.
        """
        made: set[str] = set()
        for member, content in members(store, layer):
            above, _, name = member.name.rpartition("/")
            directory = self.resolve(above)
            path = f"{directory}/{name}".lstrip("/")
            if name == _OPAQUE:
                self._clear(directory, made)
            elif name.startswith(_WHITEOUT):
                gone = f"{directory}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
                if gone not in made:
                    self._remove(gone)
            else:
                self._make(path, member, content)
                made.add(path)

    def resolve(self, path: str) -> str:
        """Return a path of directories without links, made where there is nothing; "" is the root."""
        if path not in self._resolved:
            self._resolved[path] = self._walk(path)
        return self._resolved[path]

    def mount_point(self, path: str, *, file: bool = False) -> tuple[str, tuple[str, ...]]:
        """Return where something can be mounted, and what was made for that, the deepest first."""
        made: list[str] = []
        resolved = ""
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            wanted = "/".join(parts[:end])
            is_file = file and end == len(parts)
            before = self.resolve("/".join(parts[: end - 1]))
            there = f"{before}/{parts[end - 1]}".lstrip("/")
            if not os.path.lexists(self.root / there):
                made.append(there)
                if is_file:
                    (self.root / there).touch()
            elif is_file and not stat.S_ISREG(os.lstat(self.root / there).st_mode):
                raise ImageError(f"the image has something else than a file at /{path}")
            resolved = there if is_file else self.resolve(wanted)
        return resolved, tuple(made[::-1])

    def unmake(self, made: Iterable[str]) -> None:
        """Remove what was made for mounts, as far as nothing was put there."""
        for path in made:
            with suppress(OSError):
                there = self.root / path
                if there.is_dir() and not there.is_symlink():
                    there.rmdir()
                elif not there.is_symlink() and not there.stat().st_size:
                    there.unlink()
        self._resolved.clear()

    def settle(self) -> None:
        """Wait until a change would show in the time of its file: clocks of file systems tick slowly."""
        probe = self.root.with_name(f"{self.root.name}.clock")
        probe.touch()
        start = probe.stat().st_ctime_ns
        while probe.stat().st_ctime_ns == start:
            probe.chmod(0o600)
        probe.unlink()

    def stamps(self) -> Mapping[str, Stamp]:
        """Return all paths with what tells whether they are changed."""
        found: dict[str, Stamp] = {}
        waiting = [""]
        while waiting:
            directory = waiting.pop()
            for name, status in self._listed(self.root / directory):
                path = f"{directory}/{name}".lstrip("/")
                is_link = stat.S_ISLNK(status.st_mode)
                found[path] = Stamp(
                    mode=status.st_mode,
                    owner=Owner(user=status.st_uid, group=status.st_gid),
                    size=status.st_size,
                    times=(status.st_mtime_ns, status.st_ctime_ns),
                    inode=status.st_ino,
                    links=status.st_nlink,
                    link=str((self.root / path).readlink()) if is_link else "",
                )
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(path)
        return found

    def _listed(self, directory: Path) -> list[tuple[str, os.stat_result]]:
        """Return what is in a directory, even one that its owner closed: who builds owns everything."""
        mode = stat.S_IMODE(directory.stat().st_mode)
        closed = not self._is_root and mode & stat.S_IRWXU != stat.S_IRWXU
        if closed:
            directory.chmod(mode | stat.S_IRWXU)
        with os.scandir(directory) as scanned:
            found = [(each.name, each.stat(follow_symlinks=False)) for each in scanned]
        if closed:
            directory.chmod(mode)
        return found

    def changes(self, before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> Iterator[Entry]:
        """Yield what has changed, as the entries of a layer; sockets and pipes are no part of images."""
        for path in before:
            above = path.rpartition("/")[0]
            if path not in after and (not above or (above in after and stat.S_ISDIR(after[above].mode))):
                yield Entry(path=path, kind=EntryKind.REMOVAL)
        first: dict[int, str] = {}
        for path in sorted(after):
            stamp = after[path]
            if path not in before or _differs(before[path], stamp):
                entry = self._entry(path, stamp, first)
                if entry is not None:
                    yield entry

    def _entry(self, path: str, stamp: Stamp, first: dict[int, str]) -> Entry | None:
        owner, mode = self._owner(path, stamp)
        if stat.S_ISDIR(stamp.mode):
            return Entry(path=path, kind=EntryKind.DIRECTORY, mode=mode, owner=owner)
        if stamp.link:
            return Entry(path=path, kind=EntryKind.LINK, owner=owner, link=stamp.link)
        if not stat.S_ISREG(stamp.mode):
            return None
        if stamp.links > 1 and first.setdefault(stamp.inode, path) != path:
            return Entry(path=path, kind=EntryKind.HARD_LINK, mode=mode, owner=owner, link=first[stamp.inode])
        content = self.root / path
        if not self._is_root and not stamp.mode & stat.S_IRUSR:
            content.chmod(stat.S_IMODE(stamp.mode) | stat.S_IRUSR)
        return Entry(
            path=path,
            kind=EntryKind.FILE,
            mode=mode,
            owner=owner,
            content=content,
            size=stamp.size,
            capabilities=_capabilities(content),
        )

    def _owner(self, path: str, stamp: Stamp) -> tuple[Owner, int]:
        mode = stat.S_IMODE(stamp.mode)
        if self._is_root:
            return stamp.owner, mode
        # Without privileges all files belong to one user, who is root in the image.
        owner, wanted = self._wanted.get(path, (Owner(user=0, group=0), mode))
        kept = stat.S_ISDIR(stamp.mode) and mode == wanted | stat.S_IRWXU
        return owner, wanted if kept else mode

    def _walk(self, path: str) -> str:
        waiting = [part for part in path.split("/")[::-1] if part]
        walked: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part in {".", ".."}:
                walked = walked[:-1] if part == ".." else walked
                continue
            there = self.root.joinpath(*walked, part)
            try:
                mode = os.lstat(there).st_mode
            except FileNotFoundError:
                there.mkdir(mode=0o755)
                there.chmod(0o755)
                mode = stat.S_IFDIR
            if stat.S_ISLNK(mode):
                links += 1
                if links > _MOST_LINKS:
                    raise ImageError(f"the link /{'/'.join((*walked, part))} of the image leads to itself")
                target = str(there.readlink())
                walked = [] if target.startswith("/") else walked
                waiting.extend(each for each in target.split("/")[::-1] if each)
                continue
            if not stat.S_ISDIR(mode):
                there.unlink()
                there.mkdir(mode=0o755)
            walked.append(part)
        return "/".join(walked)

    def _make(self, path: str, member: tarfile.TarInfo, content: Callable[[], IO[bytes]]) -> None:
        there = self.root / path
        if member.isdir():
            if not there.is_dir() or there.is_symlink():
                self._remove(path)
                there.mkdir()
        elif member.isreg():
            self._remove(path)
            with content() as source, there.open("xb") as file:
                shutil.copyfileobj(source, file, _BUFFER)
        elif member.issym():
            self._remove(path)
            there.symlink_to(member.linkname)
            self._resolved.clear()
        elif member.islnk():
            self._remove(path)
            above, _, name = member.linkname.strip("/").rpartition("/")
            other = self.root / self.resolve(above) / name
            if name in {"", ".", ".."} or not other.is_file():
                raise ImageError(
                    f"/{path} of the image is another name of {member.linkname}, which is no file"
                )
            os.link(other, there, follow_symlinks=False)
            return
        else:
            return  # the commands have devices of their own
        self._adjust(path, member)

    def _adjust(self, path: str, member: tarfile.TarInfo) -> None:
        there = self.root / path
        mode = stat.S_IMODE(member.mode)
        owner = Owner(user=member.uid, group=member.gid)
        if self._is_root:
            os.chown(there, owner.user, owner.group, follow_symlinks=False)
        else:
            self._wanted[path] = (owner, mode)
        if not member.issym():
            there.chmod(mode if self._is_root or not member.isdir() else mode | stat.S_IRWXU)
            capabilities = member.pax_headers.get(_PAX_CAPABILITIES)
            if capabilities and self._is_root:
                os.setxattr(there, _CAPABILITIES, capabilities.encode("utf-8", "surrogateescape"))
        os.utime(there, (member.mtime, member.mtime), follow_symlinks=False)

    def _clear(self, directory: str, kept: set[str]) -> None:
        for name in os.listdir(self.root / directory):  # noqa: PTH208  # names alone are needed
            path = f"{directory}/{name}".lstrip("/")
            if path not in kept:
                self._remove(path)

    def _remove(self, path: str) -> None:
        there = self.root / path
        try:
            mode = os.lstat(there).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(there)
        else:
            there.unlink()
        self._wanted.pop(path, None)
        self._resolved.clear()


def _differs(before: Stamp, after: Stamp) -> bool:
    if stat.S_ISDIR(before.mode) and stat.S_ISDIR(after.mode):
        return (before.mode, before.owner) != (after.mode, after.owner)
    return before != after


def _capabilities(path: Path) -> bytes:
    try:
        return os.getxattr(path, _CAPABILITIES, follow_symlinks=False)
    except OSError:
        return b""
