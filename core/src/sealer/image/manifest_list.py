"""Indexes made by hand: images of the store brought together under one name, one a platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sealer.errors import ImageError
from sealer.image.digest import is_digest
from sealer.image.names import StoredName
from sealer.image.oci import OCI_INDEX, Descriptor, Index, parse_document
from sealer.image.platforms import images_of, same_platform
from sealer.image.reference import Reference, parse_reference
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.model.image import EMPTY


def create(store: ImageStore, name: Reference | str, images: Sequence[str] = ()) -> Descriptor:
    """Make an index of images; what has the name already is not replaced.

    Raises:
        ImageError: The name is taken, or an image is not in the store.
    """
    reference = parse_reference(name) if isinstance(name, str) else name
    if any(entry.reference == reference for entry in store.list()):
        raise ImageError(
            f"{reference} exists",
            hint="`sealer manifest add` adds to it; `sealer manifest delete` takes it away",
        )
    with store.lease():
        index = Index(manifests=())
        for image in images:
            index = _with(index, members(store, image))
        return store.put_index(reference, index)


def add(
    store: ImageStore,
    name: Reference | str,
    images: Sequence[str],
    *,
    every: bool = False,
    platform: Platform | None = None,
    annotations: Mapping[str, str] = EMPTY,
) -> Descriptor:
    """Add images to an index; each takes the place of what the index lists for its platform.

    Args:
        store: Has the index and the images.
        name: The index.
        images: Names, digests or identifiers.
        every: Whether of an image for several platforms all are added, not only this machine's.
        platform: What the index says the images are for; None takes what they say themselves. Of an image for
            several platforms, that one is added.
        annotations: What the index says about the images.

    Raises:
        ImageError: There is no such index, image, or platform.
    """
    with store.lease():
        entry, index = _find(store, name)
        for image in images:
            found = members(store, image, every=every, platform=platform)
            described = [
                replace(
                    each,
                    platform=platform or each.platform,
                    annotations=dict(annotations) if annotations else each.annotations,
                )
                for each in found
            ]
            index = _with(index, described)
        return store.put_index(entry.reference, replace(index, media_type=OCI_INDEX))


def remove(store: ImageStore, name: Reference | str, digest: str) -> Descriptor:
    """Take an image out of an index, by its digest or the only platform it is listed for.

    Raises:
        ImageError: There is no such index, or it lists no such image.
    """
    with store.lease():
        entry, index = _find(store, name)
        wanted = digest if is_digest(digest) else f"sha256:{digest}"
        kept = tuple(each for each in index.manifests if each.digest != wanted)
        if len(kept) == len(index.manifests):
            listed = ", ".join(f"{each.digest} ({each.platform})" for each in index.manifests) or "nothing"
            raise ImageError(f"{entry} does not list {digest}", hint=f"it lists {listed}")
        return store.put_index(
            entry.reference, replace(index, manifests=kept, media_type=OCI_INDEX), partial=True
        )


def read(store: ImageStore, name: Reference | str) -> Index:
    """Return an index of the store.

    Raises:
        ImageError: There is none of that name.
    """
    return _find(store, name)[1]


def delete(store: ImageStore, name: Reference | str) -> None:
    """Remove an index; images that have a name of their own stay.

    Raises:
        ImageError: There is none of that name.
    """
    entry, _ = _find(store, name)
    store.remove(entry.reference or entry.digest)


def members(
    store: ImageStore, image: str, *, every: bool = False, platform: Platform | None = None
) -> tuple[Descriptor, ...]:
    """Return the manifests that an image of the store stands for, as an index lists them.

    Args:
        store: Has the image.
        image: Its name, digest or identifier.
        every: Whether of an image for several platforms all are returned.
        platform: Which platform's is returned; None means this machine's.

    Raises:
        ImageError: There is no such image, or not for the platform.
    """
    entry = store.find(image)
    document = parse_document(store.read_blob(entry.digest), entry.descriptor.media_type)
    if every and isinstance(document, Index):
        return images_of(document)
    stored = store.resolve(image, platform if isinstance(document, Index) else None)
    return (stored.descriptor,)


def _find(store: ImageStore, name: Reference | str) -> tuple[StoredName, Index]:
    entry = store.find(name)
    document = parse_document(store.read_blob(entry.digest), entry.descriptor.media_type)
    if not isinstance(document, Index):
        raise ImageError(
            f"{entry} is one image, not an index of several", hint="make one with `sealer manifest create`"
        )
    return entry, document


def _with(index: Index, added: Sequence[Descriptor]) -> Index:
    manifests = list(index.manifests)
    for new in added:
        manifests = [
            old
            for old in manifests
            if old.digest != new.digest
            and not (old.platform and new.platform and same_platform(old.platform, new.platform))
        ]
        manifests.append(new)
    return replace(index, manifests=tuple(manifests))
