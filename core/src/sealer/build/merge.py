"""Merge images into one that has the files, applications and container images of all.

Layers are taken as they are, each once. Of what two images say differently, the later one is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sealer.build.assembly import assemble
from sealer.build.blocks import Layer
from sealer.build.cutting import MAXIMUM_LAYERS
from sealer.build.inputs import BuildInput
from sealer.build.layer_cache import LayerCache
from sealer.build.layer_plans import FilesPlan, PlainFile
from sealer.build.layers import build_time, write_layer
from sealer.build.parent import members
from sealer.errors import ImageError
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.oci import Descriptor
from sealer.image.platforms import same_platform
from sealer.image.reference import Reference
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.kubefile.versions import VersionRange, intersection
from sealer.model import (
    APPS_DIRECTORY,
    CONTAINER_RUNTIME_TYPE_LABEL,
    RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    SUPPORTED_KUBE_VERSION_LABEL,
    Application,
    ImageType,
    Launch,
)

_RUNTIME_LABELS = (RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, CONTAINER_RUNTIME_TYPE_LABEL)
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A layer of the merged image: its descriptor, its digest before compression, and its history."""

    descriptor: Descriptor
    diff_id: str
    history: Mapping[str, Any]


def merge(store: ImageStore, images: Sequence[StoredImage], name: Reference | None) -> StoredImage:
    """Merge images of one platform, and put the result into the store.

    Args:
        store: Has the images.
        images: The images, at least one; the first is the lowest.
        name: The name of the result; None leaves it for an index, and the caller holds a lease.

    Raises:
        ImageError: The images can't be one: they are for several platforms, bring different runtimes,
            launch in different ways, run on no common version of Kubernetes, or have too many layers.
    """
    first = images[0]
    for image in images[1:]:
        if not same_platform(image.platform, first.platform):
            raise ImageError(
                f"{image.reference} is for {image.platform}, {first.reference} for {first.platform}",
                hint="merge images of one platform, or build the missing one: sealer build --platform",
            )
    with store.lease():
        layers = _layers(store, images)
        if len(layers) > MAXIMUM_LAYERS:
            raise ImageError(
                f"together the images have {len(layers)} layers, more than {MAXIMUM_LAYERS}",
                hint="merge fewer, or build one from the other: FROM",
            )
        below = _below(images, layers)
        order = BuildInput(
            name=name,
            type=_type(images),
            platform=first.platform,
            parent=below,
            labels=_labels(images),
            env={key: value for image in images for key, value in image.extension.env.items()},
            launch=_launch(images),
        )
        carried = [each for image in images for each in image.metadata.container_images]
        packed = {(each.image, each.app_name): each for each in carried}
        return assemble(
            store,
            order,
            (),
            applications=_applications(images),
            container_images=[packed[key] for key in sorted(packed)],
            time=build_time(),
        )


def _layers(store: ImageStore, images: Sequence[StoredImage]) -> list[_Taken]:
    taken: dict[str, _Taken] = {}
    apps: set[str] = set()
    for image in images:
        hidden = {app.name for app in image.extension.applications} & apps
        for layer in _own(image):
            if layer.descriptor.digest in taken:
                continue
            for app in _begun(store, layer.descriptor, hidden):
                hidden.remove(app)
                mark = _mark(store, app)
                taken.setdefault(mark.descriptor.digest, mark)
            taken[layer.descriptor.digest] = layer
        apps |= {app.name for app in image.extension.applications}
    return list(taken.values())


def _own(image: StoredImage) -> Iterator[_Taken]:
    diffs = (image.config.get("rootfs") or {}).get("diff_ids") or []
    if len(diffs) != len(image.layers):
        raise ImageError("the config counts other layers than the manifest", place=image.reference)
    told = [entry for entry in image.config.get("history") or [] if not entry.get("empty_layer")]
    if len(told) != len(diffs):
        told = [{"created_by": f"a layer of {image.reference}"}] * len(diffs)
    for descriptor, diff_id, history in zip(image.layers, diffs, told, strict=True):
        yield _Taken(descriptor=descriptor, diff_id=str(diff_id), history=history)


def _begun(store: ImageStore, layer: Descriptor, apps: set[str]) -> set[str]:
    """Return those of the applications of which a layer brings the first files, and hides no older ones."""
    if not apps or layer.annotations.get(LAYER_CONTENT, "") == LayerContent.REGISTRY:
        return set()
    found: set[str] = set()
    marked: set[str] = set()
    for member, _ in members(store, layer):
        parts = member.name.split("/")
        if len(parts) > 2 and f"{parts[0]}/{parts[1]}" == APPS_DIRECTORY and parts[2] in apps:
            found.add(parts[2])
            if parts[3:] == [_OPAQUE]:
                marked.add(parts[2])
    return found - marked


def _mark(store: ImageStore, app: str) -> _Taken:
    """Write the layer that hides the files of an application in the layers below it."""
    plan = FilesPlan(
        created_by=f"application {app} takes the place of another",
        content=LayerContent.APPLICATION,
        files=(PlainFile(path=f"{APPS_DIRECTORY}/{app}/{_OPAQUE}", data=b"", size=0),),
        compress=True,
    )
    layer: Layer = write_layer(LayerCache(store=store), plan, build_time())
    return _Taken(
        descriptor=layer.descriptor, diff_id=layer.diff_id, history={"created_by": layer.created_by}
    )


def _below(images: Sequence[StoredImage], layers: Sequence[_Taken]) -> StoredImage:
    """Return the images as if they were one that the result is built on."""
    settings: dict[str, Any] = {}
    env: dict[str, str] = {}
    for image in images:
        own = image.config.get("config") or {}
        settings |= {key: value for key, value in own.items() if value}
        env |= dict(entry.partition("=")[::2] for entry in own.get("Env") or [])
    settings["Labels"] = {key: value for image in images for key, value in image.labels.items()}
    if env:
        settings["Env"] = [f"{key}={value}" for key, value in env.items()]
    config = {
        **images[0].config,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [dict(layer.history) for layer in layers],
    }
    manifest = replace(images[0].manifest, layers=tuple(layer.descriptor for layer in layers))
    return replace(images[0], manifest=manifest, config=config)


def _type(images: Sequence[StoredImage]) -> ImageType:
    clusters = [image for image in images if image.extension.type is ImageType.CLUSTER]
    for label in _RUNTIME_LABELS:
        brought = {image.labels[label]: image.reference for image in clusters if label in image.labels}
        if len(brought) > 1:
            (one, first), (two, second), *_ = brought.items()
            raise ImageError(
                f"{first} brings {one}, {second} brings {two}: a cluster has one",
                hint="leave one of the cluster images out",
            )
    return ImageType.CLUSTER if clusters else ImageType.APPLICATION


def _labels(images: Sequence[StoredImage]) -> dict[str, str]:
    """Return the label that a merged image does not take from the last that has it."""
    ranges = {
        image.reference: image.labels[SUPPORTED_KUBE_VERSION_LABEL]
        for image in images
        if SUPPORTED_KUBE_VERSION_LABEL in image.labels
    }
    distinct = list(dict.fromkeys(ranges.values()))
    if not distinct:
        return {}
    if len(distinct) == 1:
        return {SUPPORTED_KUBE_VERSION_LABEL: distinct[0]}
    try:
        joined = intersection([VersionRange.parse(text) for text in distinct])
    except ValueError as error:
        said = ", ".join(f"{name} on {text}" for name, text in ranges.items())
        raise ImageError(
            f"the images run on no common version of Kubernetes: {said}",
            hint="merge images that do, or change their KUBEVERSION",
        ) from error
    return {SUPPORTED_KUBE_VERSION_LABEL: str(joined)}


def _launch(images: Sequence[StoredImage]) -> Launch:
    cmds = [command for image in images for command in image.extension.launch.cmds]
    names = dict.fromkeys(name for image in images for name in image.extension.launch.app_names)
    if cmds and names:
        raise ImageError(
            "some images launch applications and others run commands, and one image does only one of them",
            hint="build on one of them, and say what is launched with LAUNCH or CMDS",
        )
    return Launch(cmds=tuple(cmds), app_names=tuple(names))


def _applications(images: Sequence[StoredImage]) -> tuple[Application, ...]:
    return tuple({app.name: app for image in images for app in image.extension.applications}.values())
