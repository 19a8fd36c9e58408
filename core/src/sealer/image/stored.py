"""An image of the store for one platform, and what its annotations and labels say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sealer.errors import ImageError
from sealer.image.extension import (
    CONTAINER_IMAGES_ANNOTATION,
    EXTENSION_ANNOTATION,
    Extension,
    decode_container_images,
    decode_extension,
    encode_extension,
)
from sealer.image.oci import Descriptor, Manifest, parse_json
from sealer.model import ImageMetadata, ImageType, Platform
from sealer.model.image import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image of the store for one platform.

    Attributes:
        reference: Its full name, or its digest when it has no name.
        digest: The digest of the manifest.
        size: The size of the manifest in bytes.
        root_digest: The digest of what the name points to: the manifest, or an index that lists it.
        platform: The platform its config names.
        manifest: The manifest.
        config: The image config, as JSON has it.
    """

    reference: str
    digest: str
    size: int
    root_digest: str
    platform: Platform
    manifest: Manifest
    config: Mapping[str, Any]

    @property
    def descriptor(self) -> Descriptor:
        """What an index lists it as: its manifest, and its platform."""
        return Descriptor(
            media_type=self.manifest.media_type, digest=self.digest, size=self.size, platform=self.platform
        )

    @property
    def id(self) -> str:
        """The image's identifier: the digest of its config."""
        return self.manifest.config.digest

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """Its layers, lowest first."""
        return self.manifest.layers

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the config."""
        labels = _settings(self.config).get("Labels") or {}
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            raise ImageError("the labels of the config are not a mapping of texts", place=self.reference)
        return labels

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the config.

        Raises:
            ImageError: It is malformed.
        """
        entries = _settings(self.config).get("Env") or []
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise ImageError("the environment of the config is not a list of texts", place=self.reference)
        return dict(entry.partition("=")[::2] for entry in entries)

    @property
    def is_sealer_image(self) -> bool:
        """Whether it has the annotation that makes it one."""
        return bool(self.manifest.annotations.get(EXTENSION_ANNOTATION))

    @property
    def extension(self) -> Extension:
        """What the annotation ``sealer.image.extension`` holds.

        Raises:
            ImageError: It is missing or malformed.
        """
        text = self.manifest.annotations.get(EXTENSION_ANNOTATION)
        if not text:
            raise ImageError(
                f"not a sealer image: its manifest has no annotation {EXTENSION_ANNOTATION}",
                place=self.reference,
                hint="a Kubefile that begins with FROM and this image makes one of it",
            )
        return decode_extension(text)

    @property
    def metadata(self) -> ImageMetadata:
        """What the image says about itself.

        Raises:
            ImageError: It is not a sealer image, or its annotations are malformed.
        """
        extension = self.extension
        packed = self.manifest.annotations.get(CONTAINER_IMAGES_ANNOTATION)
        return ImageMetadata(
            reference=self.reference,
            digest=self.digest,
            type=extension.type,
            platform=self.platform,
            labels=self.labels,
            env=extension.env,
            applications=extension.applications,
            launch=extension.launch,
            container_images=decode_container_images(packed) if packed else (),
        )


def as_sealer_image(image: StoredImage, kind: ImageType) -> StoredImage:
    """Return a plain image as if it were one of Sealer's that holds nothing but its files.

    Args:
        image: The image; its digests stay those of the plain image.
        kind: What it is taken for.
    """
    annotations = {**image.manifest.annotations, EXTENSION_ANNOTATION: encode_extension(Extension(type=kind))}
    return replace(image, manifest=replace(image.manifest, annotations=annotations))


def image_config(data: bytes) -> Mapping[str, Any]:
    """Read an image config.

    Raises:
        ImageError: It is malformed, or not the config of a container image.
    """
    config = parse_json(data, "image config")
    if not isinstance(config, dict):
        raise ImageError("image config: not a JSON object")
    _settings(config)
    platform_of(config)
    return config


def platform_of(config: Mapping[str, Any]) -> Platform:
    """Return the platform that an image config names.

    Raises:
        ImageError: It names none.
    """
    system, architecture, variant = (config.get(key) for key in ("os", "architecture", "variant"))
    if not (isinstance(system, str) and system and isinstance(architecture, str) and architecture):
        raise ImageError(
            "image config: it names no operating system and architecture",
            hint="it may be an artifact of another kind, such as a chart",
        )
    return Platform(os=system, architecture=architecture, variant=variant if isinstance(variant, str) else "")


def _settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = config.get("config")
    if settings is None:
        return EMPTY
    if not isinstance(settings, dict):
        raise ImageError("image config: its field `config` is not a JSON object")
    return settings
