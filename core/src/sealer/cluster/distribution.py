"""Which layers of an image a host needs, as trees to unpack there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from sealer.changes import Change, LayerBlob, Tree
from sealer.errors import ImageError
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.oci import Descriptor
from sealer.model import Host, Step, at
from sealer.model.cluster import ROOTFS, STORE

UPLOAD_TIMEOUT = 6 * 3600.0
"""Seconds that sending an image to a host may take: slow links are no failure."""


def image_files(layers: Sequence[Descriptor]) -> tuple[LayerBlob, ...]:
    """Return the layers with the image's files, without those that hold only container images.

    Raises:
        ImageError: A layer is of a kind that can't be unpacked.
    """
    return tuple(_blob(layer) for layer in layers if _content(layer) != LayerContent.REGISTRY)


def image_store(layers: Sequence[Descriptor]) -> tuple[LayerBlob, ...]:
    """Return the layers with container images; one that doesn't say what it holds may hold some.

    Raises:
        ImageError: A layer is of a kind that can't be unpacked.
    """
    said = [layer for layer in layers if _content(layer) == LayerContent.REGISTRY]
    unsaid = [layer for layer in layers if _content(layer) is None]
    return tuple(_blob(layer) for layer in (*unsaid, *said))


def with_stores(
    carried: Sequence[Sequence[Descriptor]],
) -> Callable[[Sequence[Descriptor]], tuple[LayerBlob, ...]]:
    """Return what chooses the layers with an image's files, ahead of which come container images of several.

    Args:
        carried: The layers of the images whose container images are wanted.
    """

    def chosen(layers: Sequence[Descriptor]) -> tuple[LayerBlob, ...]:
        own = image_files(layers)
        stores = [blob for image in carried for blob in image_store(image)]
        # What does not say what it holds may have files of another platform: the own ones come over them.
        return (*dict.fromkeys(blob for blob in stores if blob not in own), *own)

    return chosen


def rootfs_steps(
    images: Mapping[str, Sequence[Descriptor]],
    hosts: Sequence[Host],
    *,
    path: str = ROOTFS,
    name: str = "rootfs",
    files: Mapping[str, Sequence[Change]] = MappingProxyType({}),
    provides: Callable[[str], str] | None = None,
    content: Callable[[Sequence[Descriptor]], tuple[LayerBlob, ...]] = image_files,
) -> tuple[Step, ...]:
    """Return a step for each host that unpacks the files of its image.

    Args:
        images: The layers of each host's image, by the host's name.
        hosts: Where to unpack.
        path: To which place, relative to the cluster's directory on the host.
        name: What the steps provide, on each host.
        files: What comes over the image's files, by the host's name.
        provides: What the step of a host provides, by the host's name, when that is not ``name``.
        content: Chooses the layers.
    """
    return tuple(
        Step(
            id=at(name, host.name),
            title="unpack the image's files",
            host=host.name,
            changes=(Tree(path=path, layers=content(images[host.name])), *files.get(host.name, ())),
            provides=(at(name, host.name) if provides is None else provides(host.name),),
            retries=5,
            timeout=UPLOAD_TIMEOUT,
        )
        for host in hosts
    )


def store_steps(
    images: Mapping[str, Sequence[Descriptor]], hosts: Sequence[Host], *, source: str = "image"
) -> tuple[Step, ...]:
    """Return a step for each registry host that adds the image's container images to its storage.

    Hosts of every platform pull from each of them. So all get what the images of all platforms have; a tag
    that differs is that of the host's own platform.
    """
    every = {layer.digest: layer for layers in images.values() for layer in image_store(layers)}

    def stored(host: Host) -> tuple[LayerBlob, ...]:
        own = image_store(images.get(host.name, ()))
        others = every.keys() - {layer.digest for layer in own}
        return (*(layer for digest, layer in every.items() if digest in others), *own)

    return tuple(
        Step(
            id=at(f"registry-store/{source}", host.name),
            title="unpack container images",
            host=host.name,
            changes=(Tree(path=STORE, layers=stored(host), merge=True),),
            provides=(at("registry-store", host.name),),
            retries=5,
            timeout=UPLOAD_TIMEOUT,
        )
        for host in hosts
    )


def _content(layer: Descriptor) -> str | None:
    return layer.annotations.get(LAYER_CONTENT)


def _blob(layer: Descriptor) -> LayerBlob:
    suffix = layer.media_type.rpartition("+")[2] if "+" in layer.media_type else ""
    if layer.media_type.endswith((".tar.gzip", ".tar+gzip")):
        compression = "gzip"
    elif suffix == "zstd":
        compression = "zstd"
    elif layer.media_type.endswith(".tar"):
        compression = "none"
    else:
        raise ImageError(
            f"layer {layer.digest} has the media type {layer.media_type}, which can't be unpacked"
        )
    return LayerBlob(digest=layer.digest, size=layer.size, compression=compression)
