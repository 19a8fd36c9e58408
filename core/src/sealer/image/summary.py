"""What ``sealer images`` lists: one summary per entry of the store, whatever state the entry is in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sealer.errors import ImageError
from sealer.image.names import StoredName
from sealer.image.oci import Manifest, parse_document
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An entry of the store.

    Attributes:
        repository: Domain and path, or None for an image without a name.
        tag: The tag, or None.
        id: The identifier: the digest of the config, or of the index when it lists several images.
        digest: The digest of the manifest or index.
        type: ``kube-installer``, ``app-installer``, or None for an image of another kind.
        platforms: Those that are in the store.
        created: When it was made, as the config says, or None.
        size: Bytes that its blobs take in the store, each counted once.
        problem: What is wrong with it, or None.
    """

    repository: str | None
    tag: str | None
    id: str
    digest: str
    type: str | None
    platforms: tuple[str, ...]
    created: str | None
    size: int
    problem: str | None


def summaries(store: ImageStore) -> tuple[Summary, ...]:
    """Return a summary of every entry, those with a name first.

    Raises:
        ImageError: The store's index is damaged. An entry that is damaged has a ``problem`` instead.
    """
    return tuple(_summary(store, entry) for entry in store.list())


def _summary(store: ImageStore, entry: StoredName) -> Summary:
    problem: str | None = None
    images: list[StoredImage] = []
    try:
        images.extend(_images(store, entry))
    except ImageError as error:
        problem = error.message
    sizes = {entry.digest: entry.descriptor.size}
    for image in images:
        blobs = (image.manifest.config, *image.layers)
        sizes |= {blob.digest: blob.size for blob in blobs}
    created = [str(image.config["created"]) for image in images if image.config.get("created")]
    name = entry.reference
    return Summary(
        repository=None if name is None else name.name,
        tag=None if name is None else name.tag,
        id=images[0].id if len(images) == 1 else entry.digest,
        digest=entry.digest,
        type=_type(images),
        platforms=tuple(str(image.platform) for image in images),
        created=max(created, default=None),
        size=sum(sizes.values()),
        problem=problem,
    )


def _images(store: ImageStore, entry: StoredName) -> Iterator[StoredImage]:
    """Give the images of an entry that are in the store."""
    document = parse_document(store.read_blob(entry.digest), entry.descriptor.media_type)
    if isinstance(document, Manifest):
        yield store.resolve(entry.digest)
        return
    for child in document.manifests:
        if store.has_blob(child):
            yield store.resolve(child.digest)


def _type(images: list[StoredImage]) -> str | None:
    try:
        return images[0].extension.type.value if images else None
    except ImageError:
        return None
