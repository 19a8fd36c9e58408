"""Programs that an image brings, for reading its own charts and kustomizations while it is built."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sealer.build.blocks import Layer
from sealer.build.inputs import Command, Content, Files, GivenFiles
from sealer.build.parent import members
from sealer.build.sandbox import machine_of
from sealer.build.tree import Mount
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore

_DIRECTORIES = ("bin", "usr/local/bin", "usr/bin")
_BUFFER = 1 << 20


class ImagePrograms:
    """Finds programs in what a build brings, and in its parent.

    Args:
        store: The store that has the parent.
        below: The parent's layers, the lowest first.
        contents: What the build brings.
        ran: The layers that commands have left, by their position among the contents.
        target: An empty directory for copies of programs.
    """

    def __init__(
        self,
        store: ImageStore,
        below: Sequence[Descriptor],
        contents: Sequence[Content],
        ran: Mapping[int, Layer],
        target: Path,
    ) -> None:
        self._store = store
        self._below = below
        self._contents = contents
        self._ran = ran
        self._target = target

    def find(self, name: str) -> Path | None:
        """Return a program as a file, or None when the image has none that runs on this machine.

        Raises:
            ImageError: A layer can't be read.
        """
        paths = [f"{directory}/{name}" for directory in _DIRECTORIES]
        self._target.mkdir(parents=True, exist_ok=True)
        copy = self._target / name
        for position in range(len(self._contents) - 1, -1, -1):
            each = self._contents[position]
            if isinstance(each, Files) and _copied(each.mounts, paths, copy):
                return _usable(copy)
            if isinstance(each, GivenFiles) and _given(each, paths, copy):
                return _usable(copy)
            left = [self._ran[position].descriptor] if isinstance(each, Command) else []
            if self._extracted(left, paths, copy):
                return _usable(copy)
        return _usable(copy) if self._extracted(self._below[::-1], paths, copy) else None

    def _extracted(self, layers: Iterable[Descriptor], paths: Sequence[str], copy: Path) -> bool:
        for layer in layers:
            for member, content in members(self._store, layer):
                if member.name in paths and member.isreg():
                    with content() as source, copy.open("wb") as file:
                        while chunk := source.read(_BUFFER):
                            file.write(chunk)
                    return True
        return False


def _copied(mounts: Iterable[Mount], paths: Sequence[str], copy: Path) -> bool:
    for mount, path in _places(mounts, paths):
        item = mount.directory.find(path)
        if item is not None and not item.is_directory:
            with mount.directory.open(item.path) as descriptor, open(descriptor, "rb", closefd=False) as file:
                copy.write_bytes(file.read())
            return True
    return False


def _places(mounts: Iterable[Mount], paths: Sequence[str]) -> Iterator[tuple[Mount, str]]:
    """Yield where in a mount's source each path would come from."""
    for mount in mounts:
        for path in paths:
            if not mount.item.is_directory:
                if mount.target == path:
                    yield mount, mount.item.path
            elif not mount.target or path.startswith(f"{mount.target}/"):
                below = path.removeprefix(mount.target).lstrip("/")
                yield mount, f"{mount.item.path}/{below}".lstrip("/")


def _given(given: GivenFiles, paths: Sequence[str], copy: Path) -> bool:
    for file in given.files:
        if file.path in paths:
            copy.write_bytes(file.content if isinstance(file.content, bytes) else file.content.read_bytes())
            return True
    return False


def _usable(copy: Path) -> Path | None:
    copy.chmod(0o755)
    return copy if machine_of(copy) in {b"", machine_of(Path(sys.executable))} else None
