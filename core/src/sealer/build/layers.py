"""Write layers: trees of files, and nothing of the machine they are written on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from sealer.build.blocks import Layer, LayerWriter
from sealer.build.tar import TarWriter
from sealer.build.tree import Mount, TreeEntry, walk
from sealer.errors import UsageError
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
    moved: Callable[[int], None] = lambda count: None,
) -> Layer:
    """Write a layer with the files of mounts.

    Args:
        store: Where the layer goes.
        mounts: What it holds.
        created_by: What made it, for the image's history.
        content: Which part of the image's root it is.
        time: The time of every file, in seconds since 1970.
        hides: A directory whose content in lower layers is not part of the image any more.
        moved: Is told the size of each file once it is written.

    Raises:
        ImageError: Something can't be read, written, or be in an image.
    """
    with LayerWriter(store, compress=True) as layer:
        tar = TarWriter(layer, time)
        hidden = hides is None
        for entry in walk(mounts):
            moved(_add(tar, entry))
            if not hidden and hides is not None and entry.path == hides:
                tar.add_opaque_mark(hides)
                hidden = True
        tar.finish()
        return layer.commit(created_by, {LAYER_CONTENT: content.value})


def tree_size(mounts: Sequence[Mount]) -> int:
    """Return the sum of the sizes of all files, in bytes.

    Raises:
        ImageError: Something can't be read, or can't be in an image.
    """
    return sum(entry.item.size for entry in walk(mounts) if not entry.item.is_directory)


def _add(tar: TarWriter, entry: TreeEntry) -> int:
    """Append an entry and return the size of its content."""
    if entry.item.is_directory:
        tar.add_directory(entry.path, mode=entry.permissions, owner=entry.owner)
    elif entry.item.link:
        tar.add_link(entry.path, entry.item.link, owner=entry.owner)
    else:
        with entry.open() as descriptor:
            return tar.add_file(entry.path, descriptor, mode=entry.permissions, owner=entry.owner)
    return 0
