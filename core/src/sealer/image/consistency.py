"""Whether all that the names of a store stand for is there, and undamaged."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.errors import SealerError
from sealer.image.oci import INDEX_TYPES, MANIFEST_TYPES, Descriptor, Manifest, parse_document
from sealer.image.store import ImageStore


def faults(store: ImageStore, *, deep: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the name of each image of which something is missing or damaged, and what.

    Manifests are read and verified. Of other blobs it is seen that they are there with the right size.

    Args:
        store: The store.
        deep: Whether the digest of every blob is computed, which reads all of the store.

    Raises:
        SealerError: The list of names itself can't be read.
    """
    known: dict[str, str] = {}
    for stored in store.list():
        for descriptor in _needed(store, stored.descriptor, known):
            if descriptor.digest not in known:
                known[descriptor.digest] = _fault(store, descriptor, deep=deep)
        found = [known[one.digest] for one in _needed(store, stored.descriptor, known) if known[one.digest]]
        if found:
            yield str(stored), "; ".join(dict.fromkeys(found))


def _needed(store: ImageStore, target: Descriptor, known: dict[str, str]) -> list[Descriptor]:
    """Return what an image needs; a manifest of an index for a platform that was not pulled is not needed."""
    needed: list[Descriptor] = []
    waiting = [target]
    while waiting:
        descriptor = waiting.pop()
        if descriptor in needed:
            continue
        needed.append(descriptor)
        if descriptor.media_type not in INDEX_TYPES | MANIFEST_TYPES:
            continue
        try:
            document = parse_document(store.read_blob(descriptor.digest), descriptor.media_type)
        except SealerError as error:
            known[descriptor.digest] = error.message
            continue
        if isinstance(document, Manifest):
            needed += [one for one in (document.config, *document.layers) if one not in needed]
        else:
            waiting += [one for one in document.manifests if store.has_blob(one)]
    return needed


def _fault(store: ImageStore, descriptor: Descriptor, *, deep: bool) -> str:
    if not store.has_blob(descriptor):
        return f"blob {descriptor.digest} is missing, or has another size"
    if not deep:
        return ""
    try:
        store.verified_blob(descriptor.digest)
    except SealerError as error:
        return error.message
    return ""
