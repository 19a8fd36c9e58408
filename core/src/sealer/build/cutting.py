"""Cut files into layers, so that a file that changes changes one layer among many, however large a tree is.

Where a cut falls depends on the names and sizes of the files around it alone: files that come or go
elsewhere move no cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MAXIMUM_LAYERS = 125
"""How many layers an image may have: docker refuses to pull more (``maxLayerDepth`` in moby's ``layer``)."""

TARGET = 64 << 20
"""About how many bytes a layer has when a tree is cut; what is not larger is not cut."""

_ENTRY = 1024
_RANGE = 1 << 64


def cut_to_fit(trees: Sequence[Sequence[tuple[str, int]]], room: int) -> tuple[list[list[int]], ...]:
    """Cut several trees into layers of one size, which is as small as the number of layers allows.

    Args:
        trees: Path and size of the files of each.
        room: How many layers there may be. A tree has one layer at least.

    Returns:
        For each tree its layers, and for each layer the positions of its files.
    """
    target = TARGET
    while True:
        layers = tuple(cut(files, target) for files in trees)
        if sum(map(len, layers)) <= max(room, len(trees)):
            return layers
        target *= 2


def cut(files: Sequence[tuple[str, int]], target: int) -> list[list[int]]:
    """Cut files into layers of about ``target`` bytes; a file of half as many has one of its own.

    Args:
        files: Path and size of each, in the order they have in layers.
        target: Bytes.
    """
    if sum(size for _, size in files) <= target:
        return [list(range(len(files)))]
    least = target // 2
    layers: list[list[int]] = []
    run: list[int] = []
    length = 0
    for position, (path, size) in enumerate(files):
        if size >= least:
            layers.append([position])
            continue
        weight = size + _ENTRY
        # The larger a file, the likelier it begins a layer: cuts come about as often for small files as
        # for large ones.
        begins = _number(path) * least < weight * _RANGE
        if (length >= least and begins) or length + weight > 2 * target:
            layers.append(run)
            run, length = [], 0
        run.append(position)
        length += weight
    if run:
        layers.append(run)
    return sorted(layers)


def _number(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode(errors="surrogateescape")).digest()[:8], "big")
