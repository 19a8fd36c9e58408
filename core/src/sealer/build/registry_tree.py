"""Container images as the files of a registry's storage, cut into layers that others can share.

The tree is the stock file-system storage of the distribution registry. Repositories lie below the domain of
their registry, a colon in it written as an underscore, so that equal names of two registries stay apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sealer.build.container_images import ContainerImageCache, PackedImage
from sealer.build.layer_plans import FilesPlan, PlainFile
from sealer.build.parent import REGISTRY, RegistryContent
from sealer.build.tar import TarWriter
from sealer.errors import ImageError
from sealer.image.digest import hex_of
from sealer.image.extension import LayerContent
from sealer.image.reference import Reference

OWN_LAYER = 1 << 20
"""Bytes from which on a blob has a layer of its own: one that every image with that blob shares."""

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
    images: Iterable[PackedImage], held: RegistryContent, room: int
) -> tuple[RegistryLayer, ...]:
    """Cut images into layers: one for each large blob, and one for each image with the rest of what it adds.

    A blob's layer depends on nothing but the blob. So whoever has it, from whatever image, has it for all.

    Args:
        images: The images; their order by name decides, not this one.
        held: What the parent image holds.
        room: How many layers there may be. When there would be more, the smallest blobs go with their images;
            when that is not enough, images share layers, each the one that its name tells.

    Raises:
        ImageError: A name can't be that of a repository.
    """
    known = set(held.blobs)
    rest: list[RegistryLayer] = []
    large: list[RegistryLayer] = []
    for image in sorted(images, key=lambda image: str(image.reference)):
        files = sorted(_files(image, known, held), key=_path)
        known.update(file.blob for file in files if file.blob)
        own = [file for file in files if file.blob and file.size >= OWN_LAYER]
        large += [RegistryLayer(files=(file,), images=(image.reference,)) for file in own]
        others = tuple(file for file in files if file not in own)
        if others:
            rest.append(RegistryLayer(files=others, images=(image.reference,)))
    large.sort(key=lambda layer: (-layer.size, layer.files[0].blob))
    kept = max(0, room - len(rest))
    rest = _joined([*rest, *large[kept:]])
    return (*sorted(large[:kept], key=lambda layer: layer.files[0].blob), *_shared(rest, max(1, room - kept)))


def large_blobs(image: PackedImage, held: RegistryContent) -> tuple[RegistryLayer, ...]:
    """Return the layers of an image's large blobs, which are the same whatever other images there are."""
    return tuple(
        RegistryLayer(files=(file,), images=(image.reference,))
        for file in _files(image, set(held.blobs), held)
        if file.blob and file.size >= OWN_LAYER
    )


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


def _joined(layers: Iterable[RegistryLayer]) -> list[RegistryLayer]:
    """Join the layers of equal images."""
    groups: dict[tuple[Reference, ...], list[RegistryLayer]] = {}
    for layer in layers:
        groups.setdefault(layer.images, []).append(layer)
    return [_one(group) for group in groups.values()]


def _shared(layers: Sequence[RegistryLayer], room: int) -> tuple[RegistryLayer, ...]:
    """Join layers of images until there is room for them."""
    if len(layers) <= room:
        return tuple(sorted(layers, key=lambda layer: str(layer.images[0])))
    groups: dict[int, list[RegistryLayer]] = {}
    for layer in sorted(layers, key=lambda layer: str(layer.images[0])):
        groups.setdefault(_number(str(layer.images[0])) % room, []).append(layer)
    return tuple(_one(groups[number]) for number in sorted(groups))


def _one(layers: Sequence[RegistryLayer]) -> RegistryLayer:
    files = {file.path: file for layer in layers for file in layer.files}
    images = dict.fromkeys(reference for layer in layers for reference in layer.images)
    return RegistryLayer(files=tuple(sorted(files.values(), key=_path)), images=tuple(images))


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _path(file: RegistryFile) -> str:
    return file.path


@dataclass(frozen=True, kw_only=True)
class RegistryPlan(FilesPlan):
    """A layer of container images that is to be written.

    Attributes:
        names: The images that bring it.
        blobs: The digests of the blobs it holds.
        cache: Has them.
    """

    names: str
    blobs: tuple[str, ...]
    cache: ContainerImageCache

    @property
    def alone(self) -> str:
        """The digest of the only blob that it holds with nothing else, or ""."""
        return self.blobs[0] if len(self.files) == len(self.blobs) == 1 else ""

    @property
    def subject(self) -> str:
        """What reports of progress call it."""
        return f"packing {self.names}"

    def add_to(self, tar: TarWriter) -> None:
        """Append its entries, of which blobs are checked first.

        Raises:
            VerificationError: A blob in the cache is damaged.
        """
        for digest in self.blobs:
            self.cache.verify(digest)
        super().add_to(tar)


def registry_plan(layer: RegistryLayer, cache: ContainerImageCache) -> RegistryPlan:
    """Return how a layer is written.

    Args:
        layer: What it holds.
        cache: Has its blobs.
    """
    (first, *more) = layer.files
    # A large blob's layer says the same whatever image brings it.
    names = " ".join(str(reference) for reference in layer.images)
    alone = first.blob if not more else ""
    return RegistryPlan(
        created_by=f"blob of container images: {alone}" if alone else f"container images: {names}",
        content=LayerContent.REGISTRY,
        files=tuple(
            PlainFile(
                path=file.path,
                data=cache.blob(file.blob) if file.blob else file.link.encode(),
                size=file.size,
                digest=file.blob or file.link,
            )
            for file in layer.files
        ),
        # Blobs of container images are compressed already.
        compress=False,
        names=names,
        blobs=tuple(file.blob for file in layer.files if file.blob),
        cache=cache,
    )
