"""The names in a store's ``index.json``: pure functions from one index to the next.

An entry without a name is an image whose name was given to another; it is kept until it is pruned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sealer.errors import ImageError
from sealer.image.oci import REF_NAME, Descriptor, Index
from sealer.image.reference import Reference, parse_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredName:
    """An entry of the store: a name, or None, and the manifest or index it points to."""

    reference: Reference | None
    descriptor: Descriptor

    @property
    def digest(self) -> str:
        """The digest of the manifest or index."""
        return self.descriptor.digest

    def __str__(self) -> str:
        return str(self.reference) if self.reference is not None else self.digest


def entry_name(entry: Descriptor) -> Reference | None:
    """Return the name of an entry, or None when it has none that can be read."""
    text = entry.annotations.get(REF_NAME)
    if text is None:
        return None
    try:
        return parse_reference(text)
    except ImageError:
        return None


def stored_names(index: Index) -> tuple[StoredName, ...]:
    """Return the entries: those with a name in order of their names, then the others."""
    entries = [StoredName(reference=entry_name(entry), descriptor=entry) for entry in index.manifests]
    return tuple(sorted(entries, key=lambda entry: (entry.reference is None, str(entry))))


def with_entry(index: Index, name: Reference | None, target: Descriptor) -> Index:
    """Return the index in which ``name`` points to ``target``, or in which ``target`` is kept without a name.

    What the name pointed to before is kept without a name, unless it has another one.
    """
    others = [entry for entry in index.manifests if name is None or entry_name(entry) != name]
    replaced = [entry for entry in index.manifests if entry not in others]
    if name is None:
        if any(entry.digest == target.digest for entry in others):
            return index
        return replace(index, manifests=(*others, _entry(None, target)))
    others = [entry for entry in others if entry_name(entry) is not None or entry.digest != target.digest]
    known = {target.digest, *(entry.digest for entry in others)}
    orphans = [_entry(None, entry) for entry in replaced if entry.digest not in known]
    return replace(index, manifests=(*others, *orphans, _entry(name, target)))


def without_names(index: Index, removed: tuple[StoredName, ...]) -> Index:
    """Return the index without these entries."""
    gone = [entry.descriptor for entry in removed]
    return replace(index, manifests=tuple(entry for entry in index.manifests if entry not in gone))


def _entry(name: Reference | None, target: Descriptor) -> Descriptor:
    annotations = {key: value for key, value in target.annotations.items() if key != REF_NAME}
    if name is not None:
        annotations[REF_NAME] = str(name)
    return replace(target, annotations=annotations)
