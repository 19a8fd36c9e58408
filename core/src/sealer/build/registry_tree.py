"""Container images as the files of a registry's storage, cut into layers that others can share.

The tree is the stock file-system storage of the distribution registry. Repositories lie below the domain of
their registry, a colon in it written as an underscore, so that equal names of two registries stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sealer.build.container_images import ContainerImageCache, PackedImage
from sealer.build.parent import REGISTRY, RegistryContent
from sealer.errors import ImageError
from sealer.image.digest import hex_of
from sealer.image.reference import Reference

MAXIMUM_LAYERS = 64
"""How many layers of one image hold parts of the registry; beyond, small ones share layers."""

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFile:
    """A file of the tree: a blob of the cache, or a link that names a digest.

    Attributes:
        path: In the image.
        blob: The digest of the blob it holds, or "".
        link: The digest it names, or "".
        size: In bytes.
    """

    path: str
    blob: str = ""
    link: str = ""
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLayer:
    """The files of one layer, sorted, and the images they belong to."""

    files: tuple[RegistryFile, ...]
    images: tuple[Reference, ...]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)


def registry_layers(
    images: Iterable[PackedImage], held: RegistryContent, room: int = MAXIMUM_LAYERS
) -> tuple[RegistryLayer, ...]:
    """Cut images into layers: each has what its image adds to the images before it and to what is held.

    Args:
        images: The images; their order by name decides, not this one.
        held: What the parent image holds.
        room: How many layers there may be. When there are more images, the largest keep a layer of their
            own and the others share the rest.

    Raises:
        ImageError: A name can't be that of a repository.
    """
    blobs = set(held.blobs)
    layers: list[RegistryLayer] = []
    for image in sorted(images, key=lambda image: str(image.reference)):
        files = tuple(sorted(_files(image, blobs, held), key=_path))
        blobs.update(file.blob for file in files if file.blob)
        if files:
            layers.append(RegistryLayer(files=files, images=(image.reference,)))
    return _grouped(layers, max(1, room))


def _files(image: PackedImage, known: set[str], held: RegistryContent) -> Iterator[RegistryFile]:
    sizes = {blob.digest: blob.size for blob in (*image.blobs, image.manifest, image.target)}
    for digest, size in sizes.items():
        if digest not in known:
            hexadecimal = hex_of(digest)
            path = f"{REGISTRY}/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"
            yield RegistryFile(path=path, blob=digest, size=size)
    for path, digest in _links(image):
        if held.links.get(path) != digest:
            yield RegistryFile(path=path, link=digest, size=len(digest))


def _links(image: PackedImage) -> Iterator[tuple[str, str]]:
    repository = f"{REGISTRY}/repositories/{repository_of(image.reference)}"
    for blob in image.blobs:
        yield f"{repository}/_layers/sha256/{hex_of(blob.digest)}/link", blob.digest
    for digest in sorted({image.manifest.digest, image.target.digest}):
        yield f"{repository}/_manifests/revisions/sha256/{hex_of(digest)}/link", digest
    if image.reference.tag is not None:
        tag = f"{repository}/_manifests/tags/{image.reference.tag}"
        target = image.target.digest
        yield f"{tag}/current/link", target
        yield f"{tag}/index/sha256/{hex_of(target)}/link", target


def repository_of(reference: Reference) -> str:
    """Return the repository that holds an image in the cluster's registry.

    Raises:
        ImageError: The domain can't be part of a repository's name.
    """
    repository = f"{reference.domain.replace(':', '_')}/{reference.path}"
    if not _REPOSITORY.fullmatch(repository):
        raise ImageError(
            f"{reference} can't be packed: {reference.domain} can't be part of a repository's name",
            hint="use a registry whose host name has only lower case letters, digits, dots and dashes",
        )
    return repository


def _grouped(layers: Sequence[RegistryLayer], room: int) -> tuple[RegistryLayer, ...]:
    if len(layers) <= room:
        return tuple(layers)
    by_size = sorted(layers, key=lambda layer: (-layer.size, str(layer.images[0])))
    own, others = by_size[: room // 2], by_size[room // 2 :]
    groups: list[list[RegistryLayer]] = [[] for _ in range(room - len(own))]
    # Dealt out from large to small, the groups come out about equal.
    for number, layer in enumerate(others):
        groups[number % len(groups)].append(layer)
    joined = [
        RegistryLayer(
            files=tuple(
                sorted({file.path: file for layer in group for file in layer.files}.values(), key=_path)
            ),
            images=tuple(reference for layer in group for reference in layer.images),
        )
        for group in groups
    ]
    return tuple(sorted((*own, *joined), key=lambda layer: str(layer.images[0])))


def _path(file: RegistryFile) -> str:
    return file.path


def content_of(file: RegistryFile, cache: ContainerImageCache) -> bytes | Path:
    """Return what a file holds, or where its content is."""
    return cache.blob(file.blob) if file.blob else file.link.encode()
