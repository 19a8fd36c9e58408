"""What ``sealer inspect`` shows of an image: the ``ImageSpec`` document of the Go implementation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sealer.image.extension import (
    CONTAINER_IMAGES_ANNOTATION,
    EXTENSION_ANNOTATION,
    decode_container_images,
    plain_container_images,
    plain_extension,
)
from sealer.image.stored import StoredImage
from sealer.model.image import KUBE_CNI_LABEL, KUBE_CSI_LABEL


def image_spec(image: StoredImage) -> dict[str, Any]:
    """Return the document; fields have the names and the order of the Go implementation.

    The labels of the config and the two annotations of Sealer are moved to ``imageExtension`` and
    ``containerImageList``, so nothing is shown twice.

    Raises:
        ImageError: It is not a sealer image, or its annotations are malformed.
    """
    extension = plain_extension(image.extension)
    labels = fold_labels(image.labels)
    if labels:
        launch = extension.pop("launch")
        extension |= {"labels": labels, "launch": launch}
    manifest = json.loads(image.manifest.encode())
    annotations = manifest.pop("annotations", {})
    rest = {
        key: value
        for key, value in annotations.items()
        if key not in {EXTENSION_ANNOTATION, CONTAINER_IMAGES_ANNOTATION}
    }
    if rest:
        manifest["annotations"] = rest
    config = dict(image.config)
    if "config" in config:
        config["config"] = {key: value for key, value in (config["config"] or {}).items() if key != "Labels"}
    document = {
        "id": image.id.removeprefix("sha256:"),
        "name": image.reference,
        "digest": image.digest,
        "manifestv1": manifest,
        "ociv1": config,
        "imageExtension": extension,
    }
    packed = image.manifest.annotations.get(CONTAINER_IMAGES_ANNOTATION)
    images = plain_container_images(decode_container_images(packed)) if packed else []
    return document | ({"containerImageList": images} if images else {})


def fold_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels with one label in place of the many that name a network or storage plugin each.

    ``cluster.alpha.sealer.io/kube-cni-calico`` becomes ``cluster.alpha.sealer.io/kube-cni: ["calico"]``.
    """
    folded = dict(labels)
    for label in (KUBE_CNI_LABEL, KUBE_CSI_LABEL):
        prefix = f"{label}-"
        names = sorted(name.removeprefix(prefix) for name in labels if name.startswith(prefix))
        for name in names:
            del folded[prefix + name]
        if names:
            folded[label] = json.dumps(names, separators=(",", ":"), ensure_ascii=False)
    return dict(sorted(folded.items()))
