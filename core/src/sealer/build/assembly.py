"""Put an image together from its layers: config, annotations, manifest, name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sealer import __version__
from sealer.build.blocks import Layer
from sealer.build.inputs import BuildInput
from sealer.errors import ImageError
from sealer.image.extension import (
    CONTAINER_IMAGES_ANNOTATION,
    EXTENSION_ANNOTATION,
    VERSION_LABEL,
    Extension,
    encode_container_images,
    encode_extension,
)
from sealer.image.oci import (
    DOCKER_LAYER_GZIP,
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    Descriptor,
    Manifest,
    encode_json,
)
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, Application, ContainerImage


def assemble(
    store: ImageStore,
    order: BuildInput,
    layers: Sequence[Layer],
    *,
    applications: Sequence[Application],
    container_images: Sequence[ContainerImage],
    time: int,
) -> StoredImage:
    """Write config and manifest of an image, give it its name if it has one, and return it.

    Raises:
        ImageError: The parent's config makes no sense.
    """
    parent = order.parent
    config = encode_json(_config(order, layers, time))
    annotations = {
        **order.annotations,
        EXTENSION_ANNOTATION: encode_extension(
            Extension(
                type=order.type,
                applications=tuple(applications),
                env={**(parent.extension.env if parent else {}), **order.env},
                launch=order.launch,
                sealer_version=__version__,
            )
        ),
    }
    if container_images:
        annotations[CONTAINER_IMAGES_ANNOTATION] = encode_container_images(container_images)
    manifest = Manifest(
        config=store.put_blob(config, OCI_CONFIG),
        layers=(
            *(_as_oci(layer) for layer in (parent.layers if parent else ())),
            *(layer.descriptor for layer in layers),
        ),
        annotations=annotations,
    )
    target = store.put_manifest(order.name, manifest)
    return store.image(target, reference=str(order.name) if order.name else None)


def _config(order: BuildInput, layers: Sequence[Layer], time: int) -> dict[str, Any]:
    parent = dict(order.parent.config) if order.parent else {}
    created = dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    inherited_diffs = (parent.get("rootfs") or {}).get("diff_ids") or []
    if order.parent and len(inherited_diffs) != len(order.parent.layers):
        raise ImageError("the config counts other layers than the manifest", place=order.parent.reference)
    document: dict[str, Any] = {
        **parent,
        "created": created,
        "architecture": order.platform.architecture,
        "os": order.platform.os,
        "config": _settings(order, parent.get("config") or {}),
        "rootfs": {"type": "layers", "diff_ids": [*inherited_diffs, *(layer.diff_id for layer in layers)]},
        "history": [
            *_inherited_history(parent.get("history") or [], len(inherited_diffs)),
            *({"created": created, "created_by": layer.created_by} for layer in layers),
        ],
    }
    if order.author:
        document["author"] = order.author
    document.pop("variant", None)
    if order.platform.variant:
        document["variant"] = order.platform.variant
    return document


def _inherited_history(history: list[Any], layers: int) -> list[Any]:
    """Return the parent's history; one that does not fit its layers would mislead every reader."""
    described = sum(1 for entry in history if not entry.get("empty_layer"))
    return history if described == layers else [{"created_by": "the parent image"}] * layers


def _settings(order: BuildInput, parent: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(parent)
    env = dict(entry.partition("=")[::2] for entry in parent.get("Env") or []) | dict(order.env)
    if env:
        settings["Env"] = [f"{name}={value}" for name, value in env.items()]
    inherited = dict(parent.get("Labels") or {})
    # Which versions an application supports says nothing about its children.
    inherited.pop(SUPPORTED_KUBE_VERSION_LABEL, None)
    labels = inherited | {VERSION_LABEL: __version__} | dict(order.labels)
    settings["Labels"] = dict(sorted(labels.items()))
    return settings


def _as_oci(layer: Descriptor) -> Descriptor:
    """Return a layer's descriptor with the media type that belongs into an OCI manifest."""
    return replace(layer, media_type=OCI_LAYER_GZIP) if layer.media_type == DOCKER_LAYER_GZIP else layer
