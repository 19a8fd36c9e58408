"""The files of one layer: sources mounted below targets, merged, and walked in the order of their names.

Walking holds one directory's names a level, so memory does not grow with the size of a tree.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sealer.build.context import Directory, FileOpener, Item
from sealer.errors import ImageError
from sealer.kubefile.instructions import Owner
from sealer.kubefile.sources import WHITEOUT

_MAXIMUM_DEPTH = 200
_ROOT = Owner(user=0, group=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file of a directory, or the content of a directory, at a path of the image.

    Attributes:
        directory: What it is taken from.
        item: What is taken.
        target: The path in the image, without leading slash; "" is the image's root.
        owner: The owner of everything taken.
        mode: The permissions of everything taken, or None for 0755 and 0644.
    """

    directory: Directory
    item: Item
    target: str
    owner: Owner = _ROOT
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """A file, directory or symbolic link of a layer.

    Attributes:
        path: In the image, without leading slash.
        mount: Where it comes from, or None for a directory that only leads to others.
        item: What it is there.
    """

    path: str
    mount: Mount | None
    item: Item

    @property
    def owner(self) -> Owner:
        """Its owner in the image."""
        return self.mount.owner if self.mount else _ROOT

    @property
    def permissions(self) -> int:
        """Its permissions in the image, whatever umask it was made under.

        They are 0755 for directories and what its owner may execute, and 0644 for all else, unless the
        mount says otherwise.
        """
        if self.item.link:
            return 0o777
        if self.mount is not None and self.mount.mode is not None:
            return self.mount.mode
        executable = self.item.is_directory or self.item.mode & stat.S_IXUSR
        return 0o755 if executable else 0o644

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, neither a directory nor a link."""
        return stat.S_ISREG(self.item.mode)

    @property
    def size(self) -> int:
        """The bytes of its content; none for directories and links."""
        return self.item.size if self.is_file else 0

    def open(self, opener: FileOpener) -> AbstractContextManager[int]:
        """Open the file for reading and return its descriptor.

        Raises:
            ImageError: It can't be read.
        """
        assert self.mount is not None  # noqa: S101  # only directories have no mount
        return opener.open(self.mount.directory, self.item.path)


@dataclass(slots=True)
class _Node:
    """A path at which something is mounted, or below which something is."""

    children: dict[str, _Node] = field(default_factory=dict)
    mounts: list[tuple[int, Mount]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One of the sources of a path: what it is there, and the position of its mount."""

    position: int
    mount: Mount
    item: Item


def walk(mounts: Iterable[Mount]) -> Iterator[TreeEntry]:
    """Yield everything that the mounts bring to the image, each path once, directories before content.

    Of a file that several mounts bring, the last mount's is taken.

    Raises:
        ImageError: Something can't be read or can't be in an image.
    """
    root = _Node()
    for position, mount in enumerate(mounts):
        node = root
        for name in mount.target.split("/") if mount.target else ():
            node = node.children.setdefault(name, _Node())
        node.mounts.append((position, mount))
    own = [_Layer(position, mount, mount.item) for position, mount in root.mounts]
    yield from _content("", own, root, 0)


def _content(path: str, layers: list[_Layer], node: _Node | None, depth: int) -> Iterator[TreeEntry]:
    """Yield what is below a directory that several layers may make up."""
    if depth > _MAXIMUM_DEPTH:
        raise ImageError(f"{path[:80]}... is nested deeper than {_MAXIMUM_DEPTH} directories")
    found: dict[str, list[_Layer]] = {}
    for layer in layers:
        for item in layer.mount.directory.children(layer.item.path):
            found.setdefault(item.name, []).append(_Layer(layer.position, layer.mount, item))
    if node is not None:
        for name, child in node.children.items():
            own = [_Layer(position, mount, mount.item) for position, mount in child.mounts]
            found.setdefault(name, []).extend(own)
    for name in sorted(found, key=os.fsencode):
        child_path = f"{path}/{name}" if path else name
        if name.startswith(WHITEOUT):
            hint = "such a name marks a removal in image layers"
            raise ImageError(f"{child_path}: a file's name can't start with {WHITEOUT}", hint=hint)
        child_layers = sorted(found.pop(name), key=lambda layer: layer.position)
        yield from _path(child_path, child_layers, node.children.get(name) if node else None, depth)


def _path(path: str, layers: list[_Layer], node: _Node | None, depth: int) -> Iterator[TreeEntry]:
    """Yield a path and what is below it."""
    directories = [layer for layer in layers if layer.item.is_directory]
    leads_on = node is not None and bool(node.children)
    if not directories and not leads_on:
        last = layers[-1]
        if not last.item.link and not stat.S_ISREG(last.item.mode):
            hint = "remove it, or keep it out with .dockerignore"
            raise ImageError(
                "neither a file, a directory nor a link",
                place=str(last.mount.directory.root / last.item.path),
                hint=hint,
            )
        yield TreeEntry(path=path, mount=last.mount, item=last.item)
        return
    if len(directories) < len(layers):
        raise ImageError(f"{path} is a directory in one source and a file in another")
    content = _content(path, directories, node, depth + 1)
    if directories and all(layer.item.ignored for layer in directories) and not leads_on:
        first = next(content, None)
        if first is None:
            return
        content = itertools.chain((first,), content)
    if directories:
        last = directories[-1]
        yield TreeEntry(path=path, mount=last.mount, item=last.item)
    else:
        yield TreeEntry(path=path, mount=None, item=Item(path="", mode=stat.S_IFDIR | 0o755))
    yield from content
