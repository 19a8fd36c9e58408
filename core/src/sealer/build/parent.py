"""What the layers of a parent image hold: directories, the registry's files, and parts to look at again."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from sealer.build.zstd import open_zstd
from sealer.errors import ImageError
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.image.streams import unpacked
from sealer.image.tar_bounds import LEAST, RATIO, BoundedInfo

REGISTRY = "registry/docker/registry/v2"
"""Where the registry's storage is in an image."""

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_LINK_LIMIT = 100
_MOST_LINKS = 40
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryContent:
    """What a registry's tree holds.

    Attributes:
        blobs: The digests of its blobs.
        links: The content of its link files by path in the image.
    """

    blobs: frozenset[str] = frozenset()
    links: dict[str, str] = field(default_factory=dict)


def registry_content(store: ImageStore, image: StoredImage) -> RegistryContent:
    """Return what the layers that can hold parts of the registry's tree hold of it.

    Raises:
        ImageError: A layer can't be read.
    """
    blobs: set[str] = set()
    links: dict[str, str] = {}
    for layer in image.layers:
        if layer.annotations.get(LAYER_CONTENT, LayerContent.REGISTRY) != LayerContent.REGISTRY:
            continue
        for member, content in members(store, layer):
            if not member.name.startswith(f"{REGISTRY}/") or not member.isreg():
                continue
            directory, _, name = member.name.rpartition("/")
            if name == "data":
                blobs.add(f"sha256:{directory.rpartition('/')[2]}")
            elif name == "link" and member.size <= _LINK_LIMIT:
                links[member.name] = content().read().decode(errors="replace")
    return RegistryContent(blobs=frozenset(blobs), links=links)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentPaths:
    """Where files of an image can go.

    Attributes:
        directories: The paths of all its directories.
        links: What its symbolic links say, by their paths.
    """

    directories: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, path: str) -> str:
        """Return a path with the links on its way followed within the image, its own name included.

        Raises:
            ImageError: A link leads to itself.
        """
        waiting = [part for part in path.split("/")[::-1] if part]
        walked: list[str] = []
        followed = 0
        while waiting:
            part = waiting.pop()
            if part in {".", ".."}:
                walked = walked[:-1] if part == ".." else walked
                continue
            target = self.links.get("/".join((*walked, part)))
            if target is None:
                walked.append(part)
                continue
            followed += 1
            if followed > _MOST_LINKS:
                raise ImageError(f"a link on the way to /{path} in the parent image leads to itself")
            walked = [] if target.startswith("/") else walked
            waiting.extend(each for each in target.split("/")[::-1] if each)
        return "/".join(walked)


def parent_paths(store: ImageStore, image: StoredImage) -> ParentPaths:
    """Return the directories and links of an image.

    Raises:
        ImageError: A layer can't be read.
    """
    found: set[str] = set()
    links: dict[str, str] = {}
    for layer in image.layers:
        added: set[str] = set()
        for member, _ in members(store, layer):
            above, _, name = member.name.rpartition("/")
            if name.startswith(_WHITEOUT):
                gone = above if name == _OPAQUE else f"{above}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
                found = _without(found, gone, itself=name != _OPAQUE)
                left = _without({*links}, gone, itself=name != _OPAQUE)
                links = {path: target for path, target in links.items() if path in left}
                continue
            added.update(_above(member.name))
            links.pop(member.name, None)
            if member.isdir():
                added.add(member.name)
            elif member.name in found:
                found = _without(found, member.name, itself=True)
            if member.issym():
                links[member.name] = member.linkname
        # What lies below a link lies below what the link leads to: no directory takes the link's place.
        found |= {path for path in added if path not in links}
    return ParentPaths(directories=frozenset(found), links=links)


def extract(store: ImageStore, layers: Iterable[Descriptor], below: str, target: Path) -> None:
    """Write the regular files that layers have below a directory of an image's root.

    Args:
        store: The store that has the layers.
        layers: The layers, the lowest first.
        below: The directory, such as ``charts``.
        target: A directory that stands for the image's root.

    Raises:
        ImageError: A layer can't be read.
    """
    for layer in layers:
        if layer.annotations.get(LAYER_CONTENT) == LayerContent.REGISTRY:
            continue
        for member, content in members(store, layer):
            above, _, name = member.name.rpartition("/")
            if name.startswith(_WHITEOUT):
                gone = above if name == _OPAQUE else f"{above}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
                if f"{below}/".startswith(f"{gone}/") or not gone:
                    _remove(target / below)
                elif gone.startswith(f"{below}/"):
                    _remove(target / gone)
            elif member.isreg() and member.name.startswith(f"{below}/"):
                path = target / member.name
                _make_way(path, target)
                with path.open("wb") as file, content() as source:
                    while chunk := source.read(_BUFFER):
                        file.write(chunk)


def members(
    store: ImageStore, layer: Descriptor
) -> Iterator[tuple[tarfile.TarInfo, Callable[[], IO[bytes]]]]:
    """Yield the entries of a layer, their names cleaned, with a function that opens an entry's content.

    Raises:
        ImageError: It can't be read.
    """
    try:
        left = LEAST + RATIO * layer.size
        with _open(store, layer) as tar:
            while (member := tar.next()) is not None:
                left -= member.size
                if left < 0:
                    raise ImageError(f"layer {layer.digest} comes to more bytes than a layer of its size may")
                # tarfile keeps every entry it has met, and there can be very many.
                tar.members = []  # type: ignore[attr-defined]  # typeshed has the method alone
                member.name = "/".join(part for part in member.name.split("/") if part not in {"", ".", ".."})
                if member.name:
                    yield member, lambda member=member: tar.extractfile(member) or io.BytesIO()  # type: ignore[misc]  # bound now
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ImageError(f"layer {layer.digest} can't be read: {error}") from error


@contextmanager
def _open(store: ImageStore, layer: Descriptor) -> Iterator[tarfile.TarFile]:
    with ExitStack() as stack:
        if layer.media_type.endswith("zstd"):
            plain = stack.enter_context(open_zstd(store.verified_blob(layer.digest)))
            yield stack.enter_context(
                tarfile.open(fileobj=plain, mode="r|", tarinfo=BoundedInfo, bufsize=_BUFFER)
            )
            return
        if not layer.media_type.endswith("gzip"):
            # Headers alone are read: content is passed over by seeking.
            file = stack.enter_context(store.blob_path(layer.digest).open("rb"))
            yield stack.enter_context(tarfile.open(fileobj=file, mode="r:", tarinfo=BoundedInfo))
            return
        blob = stack.enter_context(store.open_blob(layer.digest))
        # All that tarfile asks of it is to be read from.
        stream = cast("IO[bytes]", unpacked(blob))
        yield stack.enter_context(
            tarfile.open(fileobj=stream, mode="r|", tarinfo=BoundedInfo, bufsize=_BUFFER)
        )


def _make_way(path: Path, root: Path) -> None:
    """Make the directories of a file, in place of what else is there, and remove what is in its place."""
    for above in (*path.relative_to(root).parents[-2::-1],):
        there = root / above
        if there.is_symlink() or (there.exists() and not there.is_dir()):
            there.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.exists():
        _remove(path)


def _without(paths: set[str], path: str, *, itself: bool) -> set[str]:
    """Return paths without those below one of them, and without itself if it is gone too."""
    return {each for each in paths if not each.startswith(f"{path}/") and not (itself and each == path)}


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            _remove(child)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
