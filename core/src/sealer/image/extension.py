"""What an image says about itself in its annotations: encoding and decoding the two that Sealer knows.

``sealer.image.extension`` and ``sealer.image.container.images`` hold JSON with the field names of the Go
implementation (schema ``v1alpha1``), so that either tool reads what the other wrote. Fields with an empty
value are left out and lists keep their order: equal values give equal texts.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sealer.errors import ImageError
from sealer.image.oci import encode_json, parse_json
from sealer.image.platforms import host_platform
from sealer.model import Application, ContainerImage, ImageType, Launch, Platform
from sealer.model.image import EMPTY

EXTENSION_ANNOTATION = "sealer.image.extension"
CONTAINER_IMAGES_ANNOTATION = "sealer.image.container.images"
SCHEMA_VERSION = "v1alpha1"
VERSION_LABEL = "io.sealer.version"

LAYER_CONTENT = "io.sealer.layer.content"
"""Annotation of a layer's descriptor: which part of the root it holds, so that a host gets what it needs."""

LAYER_SIZE = "io.sealer.layer.unpacked-size"
"""Annotation of a layer's descriptor: its size in bytes before compression, as a decimal number.

That is about what its files take on a disk.
"""


class LayerContent(enum.StrEnum):
    """The values of ``LAYER_CONTENT``. A layer without the annotation may hold anything."""

    ROOTFS = "rootfs"
    APPLICATION = "application"
    REGISTRY = "registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """The value of ``sealer.image.extension``.

    Attributes:
        type: Cluster image or application image.
        applications: In declaration order, the parent's first.
        env: Environment that ENV set.
        launch: What runs after installation.
        sealer_version: The version of the tool that built the image.
    """

    type: ImageType
    applications: tuple[Application, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    launch: Launch = field(default_factory=Launch)
    sealer_version: str = ""


def encode_extension(extension: Extension) -> str:
    """Return the text of the annotation ``sealer.image.extension``."""
    return encode_json(plain_extension(extension)).decode()


def plain_extension(extension: Extension) -> dict[str, Any]:
    """Return the extension as the mapping that is written as JSON."""
    launch = extension.launch
    return _without_empty(
        {
            "buildClient": {"sealerVersion": extension.sealer_version, "buildahVersion": ""},
            "schemaVersion": SCHEMA_VERSION,
            "type": extension.type.value,
            "applications": [_plain_application(application) for application in extension.applications],
            "env": dict(sorted(extension.env.items())),
        }
    ) | {"launch": _without_empty({"cmds": list(launch.cmds), "app_names": list(launch.app_names)})}


def decode_extension(text: str) -> Extension:
    """Read the annotation ``sealer.image.extension``; fields that are missing or null take their defaults.

    Raises:
        ImageError: It is not what either tool writes; the message names the field.
    """
    document = _object(parse_json(text.encode(errors="replace"), EXTENSION_ANNOTATION), EXTENSION_ANNOTATION)
    version = _text(document, "schemaVersion", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise ImageError(
            f"{EXTENSION_ANNOTATION}: schema version {version!r} is unknown",
            hint=f"this version of sealer reads {SCHEMA_VERSION}; a newer one may read the image",
        )
    kind = _text(document, "type", ImageType.CLUSTER.value) or ImageType.CLUSTER.value
    if kind not in set(ImageType):
        raise ImageError(f"{EXTENSION_ANNOTATION}: type {kind!r} is neither {' nor '.join(ImageType)}")
    applications = _list(document, "applications")
    launch = _object(document.get("launch") or {}, "launch")
    client = _object(document.get("buildClient") or {}, "buildClient")
    return Extension(
        type=ImageType(kind),
        applications=tuple(
            _application(_object(item, f"applications[{number}]")) for number, item in enumerate(applications)
        ),
        env=_texts(document, "env"),
        launch=Launch(cmds=_words(launch, "cmds"), app_names=_words(launch, "app_names")),
        sealer_version=_text(client, "sealerVersion", ""),
    )


def encode_container_images(images: Iterable[ContainerImage]) -> str:
    """Return the text of the annotation ``sealer.image.container.images``."""
    return encode_json(plain_container_images(images)).decode()


def plain_container_images(images: Iterable[ContainerImage]) -> list[dict[str, Any]]:
    """Return the container images as the list that is written as JSON."""
    return [
        _without_empty(
            {
                "image": image.image,
                "appName": image.app_name,
                "platform": _plain_platform(image.platform),
                "digest": image.digest,
            }
        )
        for image in images
    ]


def decode_container_images(text: str) -> tuple[ContainerImage, ...]:
    """Read the annotation ``sealer.image.container.images``.

    Raises:
        ImageError: It is not what either tool writes; the message names the field.
    """
    where = CONTAINER_IMAGES_ANNOTATION
    document = parse_json(text.encode(errors="replace"), where) or []
    if not isinstance(document, list):
        raise ImageError(f"{where}: not a JSON list")
    return tuple(
        _container_image(_object(item, f"{where}[{number}]")) for number, item in enumerate(document)
    )


def _container_image(item: Mapping[str, Any]) -> ContainerImage:
    platform = _object(item.get("platform") or {}, "platform")
    image = _text(item, "image", "")
    if not image:
        raise ImageError(f"{CONTAINER_IMAGES_ANNOTATION}: an entry names no image")
    return ContainerImage(
        image=image,
        app_name=_text(item, "appName", ""),
        platform=Platform(
            os=_text(platform, "os", "linux") or "linux",
            architecture=_text(platform, "architecture", "") or host_platform().architecture,
            variant=_text(platform, "variant", ""),
        ),
        digest=_text(item, "digest", ""),
    )


def _application(item: Mapping[str, Any]) -> Application:
    name = _text(item, "name", "")
    if not name:
        raise ImageError(f"{EXTENSION_ANNOTATION}: an application has no name")
    return Application(
        name=name,
        type=_text(item, "type", ""),
        files=_words(item, "files"),
        version=_text(item, "version", "v1") or "v1",
        env=_texts(item, "env"),
        cmds=_words(item, "cmds"),
    )


def _plain_application(application: Application) -> dict[str, Any]:
    return _without_empty(
        {
            "name": application.name,
            "type": application.type,
            "files": list(application.files),
            "version": application.version,
            "env": dict(sorted(application.env.items())),
            "cmds": list(application.cmds),
        }
    )


def _plain_platform(platform: Platform) -> dict[str, str]:
    return _without_empty(
        {"architecture": platform.architecture, "os": platform.os, "variant": platform.variant}
    )


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in ("", [], {})}


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ImageError(f"{path}: not a JSON object")
    return value


def _text(document: Mapping[str, Any], key: str, default: str) -> str:
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ImageError(f"{key}: not a text")
    return value


def _list(document: Mapping[str, Any], key: str) -> list[object]:
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ImageError(f"{key}: not a JSON list")
    return value


def _words(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = _list(document, key)
    if not all(isinstance(word, str) for word in words):
        raise ImageError(f"{key}: not a list of texts")
    return tuple(str(word) for word in words)


def _texts(document: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = document.get(key)
    if value is None:
        return EMPTY
    fields = _object(value, key)
    if not all(isinstance(item, str) for item in fields.values()):
        raise ImageError(f"{key}: not a mapping of texts")
    return {name: str(item) for name, item in fields.items()}
