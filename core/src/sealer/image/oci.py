"""The documents of an OCI image as typed values: descriptor, manifest and index.

Docker's schema 2 manifests and lists have the same shape and are read as well; their bytes are never
rewritten. Unknown fields are passed over, as the OCI image specification asks of readers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sealer.errors import ImageError
from sealer.image.digest import is_digest
from sealer.model import Platform
from sealer.model.image import EMPTY

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})

REF_NAME = "org.opencontainers.image.ref.name"
"""Annotation of a descriptor in a layout's index: the name of what it points to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a blob is: its type, digest and size in bytes, and what is said about it."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image for one platform: its config and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    media_type: str = OCI_MANIFEST

    def encode(self) -> bytes:
        """Return the canonical bytes: equal values give equal bytes, and so equal digests."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": _plain_descriptor(self.config),
            "layers": [_plain_descriptor(layer) for layer in self.layers],
        }
        return encode_json(_with_annotations(document, self.annotations))


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Several manifests under one name, usually one a platform; also the root document of a layout."""

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    media_type: str = OCI_INDEX

    def encode(self) -> bytes:
        """Return the canonical bytes: equal values give equal bytes, and so equal digests."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "manifests": [_plain_descriptor(entry) for entry in self.manifests],
        }
        return encode_json(_with_annotations(document, self.annotations))


def encode_json(document: object) -> bytes:
    """Return compact JSON in UTF-8, fields in the order of the mappings."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def parse_document(data: bytes, media_type: str | None = None) -> Manifest | Index:
    """Read a manifest or an index, whichever the bytes hold.

    Args:
        data: The document.
        media_type: What a descriptor or registry says it is, used when the document itself doesn't say.

    Raises:
        ImageError: It is neither, or malformed.
    """
    document = _object(parse_json(data, "manifest"), "manifest")
    if document.get("schemaVersion") != 2:
        raise ImageError(
            f"a manifest has schema version {document.get('schemaVersion')!r}, not 2",
            hint="push the image again with a tool of this decade: schema 1 can't be verified",
        )
    declared = document.get("mediaType") or media_type
    if declared is None:
        declared = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if declared in INDEX_TYPES:
        return _index(document, declared)
    if declared in MANIFEST_TYPES:
        return _manifest(document, declared)
    raise ImageError(f"{declared!r} is not the media type of an image manifest or index")


def parse_index(data: bytes) -> Index:
    """Read an index.

    Raises:
        ImageError: The bytes are not a well-formed index.
    """
    document = parse_document(data, OCI_INDEX)
    if not isinstance(document, Index):
        raise ImageError("a manifest stands where an index is expected")
    return document


def parse_json(data: bytes, what: str) -> object:
    """Read JSON.

    Raises:
        ImageError: It is malformed; the message begins with ``what``.
    """
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{what}: not valid JSON: {error}") from error
    return value


def _manifest(document: Mapping[str, Any], media_type: str) -> Manifest:
    layers = _list(document.get("layers"), "layers")
    return Manifest(
        config=_descriptor(document.get("config"), "config"),
        layers=tuple(_descriptor(layer, f"layers[{number}]") for number, layer in enumerate(layers)),
        annotations=_texts(document.get("annotations"), "annotations"),
        media_type=media_type,
    )


def _index(document: Mapping[str, Any], media_type: str) -> Index:
    entries = _list(document.get("manifests"), "manifests")
    return Index(
        manifests=tuple(_descriptor(entry, f"manifests[{number}]") for number, entry in enumerate(entries)),
        annotations=_texts(document.get("annotations"), "annotations"),
        media_type=media_type,
    )


def _descriptor(value: object, path: str) -> Descriptor:
    fields = _object(value, path)
    media_type = _text(fields.get("mediaType"), f"{path}.mediaType")
    digest = _text(fields.get("digest"), f"{path}.digest")
    if not is_digest(digest):
        raise ImageError(f"{path}.digest: {digest!r} is not a sha256 digest")
    size = fields.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ImageError(f"{path}.size: {size!r} is not a number of bytes")
    platform = fields.get("platform")
    return Descriptor(
        media_type=media_type,
        digest=digest,
        size=size,
        annotations=_texts(fields.get("annotations"), f"{path}.annotations"),
        platform=None if platform is None else _platform(platform, f"{path}.platform"),
    )


def _platform(value: object, path: str) -> Platform:
    fields = _object(value, path)
    return Platform(
        os=_text(fields.get("os"), f"{path}.os"),
        architecture=_text(fields.get("architecture"), f"{path}.architecture"),
        variant=_text(fields.get("variant") or "", f"{path}.variant"),
    )


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ImageError(f"{path}: not a JSON object")
    return value


def _list(value: object, path: str) -> list[object]:
    # Go programs write an empty list as null.
    if value is None:
        return []
    if not isinstance(value, list):
        raise ImageError(f"{path}: not a JSON list")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise ImageError(f"{path}: {'missing' if value is None else 'not a text'}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ImageError(f"{path}: holds half a character, which UTF-8 can't express")
    return value


def _texts(value: object, path: str) -> Mapping[str, str]:
    if value is None:
        return EMPTY
    return {key: _text(item, f"{path}[{key}]") for key, item in _object(value, path).items()}


def _plain_descriptor(descriptor: Descriptor) -> dict[str, Any]:
    document: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    platform = descriptor.platform
    if platform is not None:
        document["platform"] = {"architecture": platform.architecture, "os": platform.os}
        if platform.variant:
            document["platform"]["variant"] = platform.variant
    return _with_annotations(document, descriptor.annotations)


def _with_annotations(document: dict[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return document
