"""The storage of a registry without what images brought that nobody needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sealer.changes.base import Change
from sealer.changes.quoting import quote
from sealer.changes.tree import Tree, merged_marks


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedStore(Change):
    """Of what was merged into a registry's storage, that of some trees alone is there.

    What others pushed to the registry stays. Layers that no tree on the host needs any more go as well. It
    can't be taken back.

    Attributes:
        path: The storage, as the trees have it: ``registry/docker/registry/v2`` is below it.
        trees: What stays, those first that were merged first.
    """

    path: str
    trees: tuple[Tree, ...]

    @property
    def key(self) -> str:
        return f"pruned:{self.path}"

    def describe(self) -> str:
        return f"container images of {len(self.trees)} images in {self.path}, and no others"

    @property
    def _words(self) -> str:
        return f"{merged_marks(self.path)} {quote(' '.join(tree.mark for tree in self.trees))}"

    def observe(self) -> str:
        return f"{_helpers()}\nis_pruned {self._words}"

    def apply(self) -> str:
        return f"{_helpers()}\nprune_store {quote(self.path)} {self._words}"


@cache
def _helpers() -> str:
    text = files("sealer.changes").joinpath("pruning.sh").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
