"""Archives in the format of ``docker save``: what says in them which images there are.

What Sealer writes is an OCI layout as well, as since Docker 25: its manifests and annotations stay with it.
Archives of others are read by their ``manifest.json`` alone, and their images get a manifest of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sealer.errors import ImageError, VerificationError
from sealer.image.digest import hex_of
from sealer.image.names import StoredName
from sealer.image.oci import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    Descriptor,
    Manifest,
    encode_json,
    parse_json,
)
from sealer.image.reference import Reference, parse_reference
from sealer.image.staging import Staging
from sealer.image.stored import image_config

MANIFEST = "manifest.json"
_GZIP = b"\x1f\x8b"
_MAXIMUM_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerImage:
    """An image of an archive: its manifest, made from what the archive says, and its names."""

    manifest: Manifest
    names: tuple[Reference, ...]


def docker_manifest(images: Sequence[tuple[StoredName, Manifest]]) -> bytes:
    """Return the ``manifest.json`` for images whose blobs are in the archive as in an OCI layout."""
    return encode_json(
        [
            {
                "Config": _blob_path(manifest.config),
                "RepoTags": [entry.reference.familiar]
                if entry.reference is not None and entry.reference.tag is not None
                else [],
                "Layers": [_blob_path(layer) for layer in manifest.layers],
            }
            for entry, manifest in images
        ]
    )


def docker_images(
    document: bytes, gathered: Mapping[str, tuple[str, int]], links: Mapping[str, str], staging: Staging
) -> tuple[DockerImage, ...]:
    """Return the images that a ``manifest.json`` lists.

    Args:
        document: Its bytes.
        gathered: Digest and size of each file of the archive, by its path.
        links: The target of each link of the archive, by the link's path.
        staging: Has the files.

    Raises:
        ImageError: Something that it names is not in the archive.
        VerificationError: A layer is not the one that the config says.
    """
    listed = parse_json(document, MANIFEST)
    if not isinstance(listed, list) or not listed:
        raise ImageError(
            f"{MANIFEST} lists no image", hint="write the archive anew: docker save NAME, or sealer save NAME"
        )

    def find(name: object) -> tuple[str, int]:
        path = str(name)
        for _ in range(len(links) + 1):
            if path in gathered:
                return gathered[path]
            path = links.get(path, "")
        raise ImageError(
            f"the archive has no {name}, which its {MANIFEST} names",
            hint="it is cut off or was changed: write it anew",
        )

    images: list[DockerImage] = []
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("Layers"), list):
            raise ImageError(f"{MANIFEST}: an entry is no image")
        digest, size = find(item.get("Config"))
        if size > _MAXIMUM_CONFIG:
            raise ImageError(f"the config {item.get('Config')} is too large for one")
        config = image_config(staging.blob(digest).read_bytes())
        layers = [find(name) for name in item["Layers"]]
        diffs = (config.get("rootfs") or {}).get("diff_ids") or []
        if len(diffs) != len(layers):
            raise ImageError(f"the config of an image counts {len(diffs)} layers, not {len(layers)}")
        images.append(
            DockerImage(
                manifest=Manifest(
                    config=Descriptor(media_type=OCI_CONFIG, digest=digest, size=size),
                    layers=tuple(
                        _layer(staging, *layer, diff) for layer, diff in zip(layers, diffs, strict=True)
                    ),
                ),
                names=_names(item),
            )
        )
    return tuple(images)


def _layer(staging: Staging, digest: str, size: int, diff: object) -> Descriptor:
    """Return the descriptor of a layer, which may be compressed with gzip."""
    with staging.blob(digest).open("rb") as file:
        compressed = file.read(2) == _GZIP
    found = staging.content_digest(digest) if compressed else digest
    if found != diff:
        raise VerificationError(f"layer {diff} is damaged: its content has another digest")
    return Descriptor(media_type=OCI_LAYER_GZIP if compressed else OCI_LAYER, digest=digest, size=size)


def _names(item: Mapping[str, Any]) -> tuple[Reference, ...]:
    names: list[Reference] = []
    for text in item.get("RepoTags") or []:
        with suppress(ImageError):
            names.append(parse_reference(str(text)))
    return tuple(names)


def _blob_path(descriptor: Descriptor) -> str:
    return f"blobs/sha256/{hex_of(descriptor.digest)}"
