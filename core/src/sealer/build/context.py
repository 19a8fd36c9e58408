"""A directory that files are taken from, and that nothing is ever read outside of.

Every path is walked from the directory's own descriptor, one component at a time and without following
links, so that no link and no race can lead out of it. Links in a path that is named are resolved here,
within the directory; links met while walking a tree are kept as links.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sealer.build.ignore import IGNORE_FILES, Ignore, Verdict, parse_ignore
from sealer.build.patterns import MAGIC, compile_glob
from sealer.errors import ImageError

_MAXIMUM_LINKS = 40
_MAXIMUM_IGNORE_FILE = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class OutsideError(ImageError):
    """A path that leads out of the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file, directory or symbolic link in the directory.

    Attributes:
        path: Relative to the directory; "" is the directory itself.
        mode: Type and permissions, as ``os.stat`` has them.
        size: Of a file, in bytes.
        link: Where a symbolic link points, or "".
        stamp: Device, inode, and the times of the last modification and the last change in nanoseconds; as
            long as they are the same, nobody has written to it.
        ignored: Whether a rule keeps it out; files below it may be taken in again by a later rule.
    """

    path: str
    mode: int
    size: int = 0
    link: str = ""
    stamp: tuple[int, int, int, int] = (0, 0, 0, 0)
    ignored: bool = False

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)


class Directory:
    """A directory opened for reading; use it in a ``with`` block.

    Args:
        root: The directory.
        ignore: What is kept out.
    """

    def __init__(self, root: Path, ignore: Ignore | None = None) -> None:
        self.root = root
        self.ignore = ignore or Ignore()
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ImageError(f"cannot read the directory: {error.strerror}", place=str(self.root)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def find(self, path: str) -> Item | None:
        """Return what a path names, links resolved within the directory, or None if there is nothing.

        Raises:
            OutsideError: A link on the way leads out of the directory.
            ImageError: It can't be read.
        """
        names = deque(part for part in path.split("/") if part not in {"", "."})
        walked: list[Item] = [Item(path="", mode=stat.S_IFDIR)]
        links: list[Item] = []
        while names:
            name = names.popleft()
            if name == "..":
                if len(walked) == 1:
                    raise _outside(path, links)
                walked.pop()
                continue
            if not walked[-1].is_directory:
                return None
            item = self._look(_join(walked[-1].path, name))
            if item is None:
                return None
            if not item.link:
                walked.append(item)
                continue
            links.append(item)
            if item.link.startswith("/"):
                raise _outside(path, links)
            if len(links) > _MAXIMUM_LINKS:
                raise OutsideError(f"the symbolic link {item.path} links to itself")
            names.extendleft(part for part in reversed(item.link.split("/")) if part not in {"", "."})
        return walked[-1]

    def ignored_by(self, path: str) -> str | None:
        """Return ``file:line`` of the rule that keeps a path out, or None."""
        verdict = self._verdict(path)
        return f"{self.ignore.file}:{verdict.ignored_by.line}" if verdict.ignored_by else None

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the paths that a pattern matches, sorted, as they are called before links are resolved.

        Raises:
            ValueError: The pattern is malformed.
            ImageError: A directory can't be read, or a link leads out of the directory.
        """
        found = [""]
        for part in pattern.split("/"):
            if part in {"", "."}:
                continue
            if not MAGIC.search(part):
                found = [_join(path, part) for path in found]
                continue
            expression = compile_glob(part)
            found = [
                _join(path, child.name)
                for path in found
                if (directory := self.find(path)) is not None and directory.is_directory
                for child in self.children(directory.path)
                if expression.fullmatch(child.name)
            ]
        return tuple(path for path in found if self.find(path) is not None)

    def children(self, path: str) -> Iterator[Item]:
        """Yield what is in a directory, by name; what rules keep out is left out.

        An ignored directory is yielded nevertheless when a later rule may take in files below it.

        Raises:
            ImageError: The directory can't be read.
        """
        above = self._verdict(path)
        with self.opened(path) as descriptor:
            names = sorted(os.listdir(descriptor), key=os.fsencode)  # noqa: PTH208  # pathlib can't take a descriptor
            for name in names:
                child = _join(path, name)
                verdict = self.ignore.judge(child, above)
                if verdict.ignored_by and not self.ignore.readmits:
                    continue
                item = _item(descriptor, name, child, ignored=verdict.ignored_by is not None)
                if item is not None and (not item.ignored or item.is_directory):
                    yield item

    @contextmanager
    def open(self, path: str) -> Iterator[int]:
        """Open a regular file and yield its descriptor.

        Raises:
            ImageError: It can't be read, or is no regular file.
        """
        above, _, name = path.rpartition("/")
        with self.opened(above) as directory:
            descriptor = self.open_file(directory, name, path)
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def open_file(self, directory: int, name: str, path: str) -> int:
        """Open a regular file of a directory below that is open, and return its descriptor.

        Args:
            directory: The open directory that it is in.
            name: What it is called there.
            path: Where it is, for messages.

        Raises:
            ImageError: It can't be read, or is no regular file.
        """
        try:
            descriptor = os.open(name, _FILE, dir_fd=directory)
        except OSError as error:
            raise _unreadable(self.root, path, error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ImageError("it is no regular file any more", place=str(self.root / path))
        return descriptor

    def _verdict(self, path: str) -> Verdict:
        verdict = Verdict()
        if path and self.ignore.rules:
            parts = path.split("/")
            for end in range(1, len(parts) + 1):
                verdict = self.ignore.judge("/".join(parts[:end]), verdict)
        return verdict

    def _look(self, path: str) -> Item | None:
        above, _, name = path.rpartition("/")
        if not name:
            return Item(path="", mode=stat.S_IFDIR)
        try:
            with self.opened(above) as directory:
                return _item(directory, name, path)
        except ImageError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """Open a directory below the root, component by component, through no link.

        Raises:
            ImageError: It can't be read, or a link has taken its place.
        """
        with ExitStack() as stack:
            descriptor = self._descriptor
            for name in path.split("/") if path else ():
                try:
                    following = os.open(name, _DIRECTORY, dir_fd=descriptor)
                except OSError as error:
                    raise _unreadable(self.root, path, error) from error
                stack.close()
                stack.callback(os.close, following)
                descriptor = following
            yield descriptor


class FileOpener:
    """Opens one file after the other; use it in a ``with`` block.

    The directory of the last file stays open, which saves the way to its neighbours.
    """

    def __init__(self) -> None:
        self._directory: tuple[Directory, str, int] | None = None
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @contextmanager
    def open(self, directory: Directory, path: str) -> Iterator[int]:
        """Open a regular file below a directory and yield its descriptor.

        Raises:
            ImageError: It can't be read, or is no regular file.
        """
        above, _, name = path.rpartition("/")
        last = self._directory
        if last is None or last[0] is not directory or last[1] != above:
            self._directory = None
            self._resources.close()
            descriptor = self._resources.enter_context(directory.opened(above))
            self._directory = last = (directory, above, descriptor)
        descriptor = directory.open_file(last[2], name, path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def open_context(root: Path) -> Directory:
    """Return a build context with the rules of its ignore file.

    Raises:
        ImageError: The directory or the ignore file can't be read.
        SourceErrors: The ignore file is malformed.
    """
    with Directory(root) as directory:
        for name in IGNORE_FILES:
            item = directory.find(name)
            if item is None:
                continue
            with directory.open(item.path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
                data = file.read(_MAXIMUM_IGNORE_FILE)
            return Directory(root, parse_ignore(data, str(root / name)))
    return Directory(root)


def _item(directory: int, name: str, path: str, *, ignored: bool = False) -> Item | None:
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        link = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else ""
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from error
    return Item(
        path=path,
        mode=status.st_mode,
        size=status.st_size,
        link=link,
        stamp=(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns),
        ignored=ignored,
    )


def _outside(path: str, links: Sequence[Item]) -> OutsideError:
    if not links:
        return OutsideError(f"{path} leads out of the build context")
    last = links[-1]
    return OutsideError(f"the symbolic link {last.path} leads out of the build context, to {last.link}")


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


def _unreadable(root: Path, path: str, error: OSError) -> ImageError:
    if error.errno == errno.ELOOP:
        return ImageError("it has become a symbolic link", place=str(root / path))
    return ImageError(f"cannot read it: {error.strerror}", place=str(root / path))
