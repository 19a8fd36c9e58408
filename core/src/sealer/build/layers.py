"""Write layers: trees of files, and nothing of the machine they are written on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sealer.build.blocks import Layer, LayerWriter, Moved
from sealer.build.tar import TarWriter
from sealer.build.tree import Mount, TreeEntry, walk
from sealer.errors import ImageError, UsageError
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.store import ImageStore

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
"""The environment variable with the time that everything in an image gets (reproducible-builds.org)."""


def build_time(environ: Mapping[str, str] = os.environ) -> int:
    """Return the time of images and all their files, in seconds since 1970: 0 unless the environment says.

    Raises:
        UsageError: ``SOURCE_DATE_EPOCH`` is no such number.
    """
    text = environ.get(EPOCH_VARIABLE, "").strip() or "0"
    # Eleven octal digits are what a tar header holds.
    if not text.isdecimal() or not text.isascii() or int(text) >= 8**11:
        raise UsageError(
            f"{EPOCH_VARIABLE} is {text[:40]!r}", hint="set it to seconds since 1970, as `date +%s`"
        )
    return int(text)


def write_tree(
    store: ImageStore,
    mounts: Sequence[Mount],
    *,
    created_by: str,
    content: LayerContent,
    time: int,
    hides: str | None = None,
    moved: Moved = lambda count: None,
) -> Layer:
    """Write a layer with the files of mounts.

    Args:
        store: Where the layer goes.
        mounts: What it holds.
        created_by: What made it, for the image's history.
        content: Which part of the image's root it is.
        time: The time of every file, in seconds since 1970.
        hides: A directory whose content in lower layers is not part of the image any more.
        moved: Is told about every block of bytes.

    Raises:
        ImageError: Something can't be read, written, or be in an image.
    """
    with LayerWriter(store, compress=True, moved=moved) as layer:
        tar = TarWriter(layer, time)
        hidden = hides is None
        for entry in walk(mounts):
            _add(tar, entry)
            if not hidden and hides is not None and entry.path == hides:
                tar.add_opaque_mark(hides)
                hidden = True
        tar.finish()
        return layer.commit(created_by, {LAYER_CONTENT: content.value})


def write_files(
    store: ImageStore,
    files: Iterable[tuple[str, bytes | Path, int]],
    *,
    created_by: str,
    content: LayerContent,
    time: int,
    compress: bool,
    moved: Moved = lambda count: None,
) -> Layer:
    """Write a layer with files that are named one by one, and the directories they are in.

    Args:
        store: Where the layer goes.
        files: Path in the image, content or the file that has it, and permissions; each path once.
        created_by: What made it, for the image's history.
        content: Which part of the image's root it is.
        time: The time of every file, in seconds since 1970.
        compress: Whether the layer is compressed.
        moved: Is told about every block of bytes.

    Raises:
        ImageError: Something can't be read or written.
    """
    with LayerWriter(store, compress=compress, moved=moved) as layer:
        tar = TarWriter(layer, time)
        directories: set[str] = set()
        for path, data, mode in sorted(files, key=lambda file: file[0].encode().split(b"/")):
            parts = path.split("/")
            for end in range(1, len(parts)):
                above = "/".join(parts[:end])
                if above not in directories:
                    tar.add_directory(above)
                    directories.add(above)
            if isinstance(data, bytes):
                tar.add_bytes(path, data, mode=mode)
            else:
                _add_path(tar, path, data, mode)
        tar.finish()
        return layer.commit(created_by, {LAYER_CONTENT: content.value})


def _add_path(tar: TarWriter, path: str, source: Path, mode: int) -> None:
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ImageError(f"cannot read it: {error.strerror}", place=str(source)) from error
    try:
        tar.add_file(path, descriptor, mode=mode)
    finally:
        os.close(descriptor)


def tree_size(mounts: Sequence[Mount]) -> int:
    """Return the sum of the sizes of all files, in bytes.

    Raises:
        ImageError: Something can't be read, or can't be in an image.
    """
    return sum(entry.item.size for entry in walk(mounts) if not entry.item.is_directory)


def _add(tar: TarWriter, entry: TreeEntry) -> None:
    if entry.item.is_directory:
        tar.add_directory(entry.path, mode=entry.permissions, owner=entry.owner)
    elif entry.item.link:
        tar.add_link(entry.path, entry.item.link, owner=entry.owner)
    else:
        with entry.open() as descriptor:
            tar.add_file(entry.path, descriptor, mode=entry.permissions, owner=entry.owner)
