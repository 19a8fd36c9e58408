"""The image to plan k3s with, and releases that can be built."""

from dataclasses import replace

from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, ImageMetadata, Platform
from sealer.testing import example_image
from sealer.testing.conformance import RecipeSample

VERSION = "v1.21.2+k3s1"

_EXAMPLE = example_image()
IMAGE = replace(
    _EXAMPLE, labels={**_EXAMPLE.labels, RUNTIME_TYPE_LABEL: "k3s", RUNTIME_VERSION_LABEL: VERSION}
)


def image(version: str) -> ImageMetadata:
    """Return an image with another k3s."""
    return replace(IMAGE, labels={**IMAGE.labels, RUNTIME_VERSION_LABEL: version})


IMAGES = ("docker.io/rancher/pause:3.1", "docker.io/rancher/coredns-coredns:1.8.3")

PREVIOUS_VERSION = "v1.21.1+k3s1"

RELEASES = tuple(
    RecipeSample(
        version=version,
        platform=Platform(architecture=architecture),
        answer="".join(f"{name}\n" for name in IMAGES),
    )
    for version in ("1.21.2+k3s1", "v1.33.1+k3s1", "v1.34.0-rc1+k3s1")
    for architecture in ("amd64", "arm64")
)
