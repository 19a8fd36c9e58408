"""A tree of files unpacked from image layers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sealer.changes.base import Blob, Change
from sealer.changes.quoting import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """A layer as it is sent: ``compression`` is ``gzip``, ``zstd`` or ``none``."""

    digest: str
    size: int
    compression: str

    @property
    def hex(self) -> str:
        """The digest without its algorithm."""
        return self.digest.partition(":")[2]


def merged_marks(path: str) -> str:
    """Return what the marks of all trees that are merged into a path begin with, before a dash."""
    return hashlib.sha256(f"tree:{path}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Change):
    """Files of image layers, applied in order with their whiteouts, below a path in ``$data``.

    Each layer is unpacked once into ``$data/layers`` and linked into every tree that holds it, so a tree
    that shares layers with one that is there costs neither transfer nor disk.

    Attributes:
        path: Relative to ``$data``. It goes with ``$data`` when everything is undone.
        layers: In order.
        merge: Whether the layers are added to what is there, instead of taking its place in one rename.
    """

    path: str
    layers: tuple[LayerBlob, ...]
    merge: bool = False

    @property
    def key(self) -> str:
        return f"tree:{self.path}" + (f":{self.layers[-1].hex[:16]}" if self.merge else "")

    def describe(self) -> str:
        return f"files of {len(self.layers)} layers in {self.path}"

    @property
    def _list(self) -> str:
        return quote(" ".join(layer.hex for layer in self.layers))

    @property
    def mark(self) -> str:
        """The file name under which ``$data/trees`` records the layers of this tree."""
        mark = merged_marks(self.path)
        return f"{mark}-{self.layers[-1].hex[:16]}" if self.merge else mark

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return tuple(Blob(digest=layer.digest, size=layer.size) for layer in self.layers)

    def observe(self) -> str:
        return f"tree_is {quote(self.path)} {self._list} {self.mark}"

    def apply(self) -> str:
        unpack = "\n".join(f"unpack_layer {layer.hex} {layer.compression}" for layer in self.layers)
        verb = "merge_tree" if self.merge else "replace_tree"
        return f"{unpack}\n{verb} {quote(self.path)} {self._list} {self.mark}"

    def capture(self) -> str:
        return f'[ ! -e "$data/trees/{self.mark}" ] || cp "$data/trees/{self.mark}" "$entry/layers"'

    def undo(self) -> str | None:
        # What was merged into a tree stays: other images may have come to share it.
        return None if self.merge else f"restore_layers {quote(self.path)} {self.mark}"
