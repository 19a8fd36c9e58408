"""The image to plan Kubernetes with, and releases that can be built."""

from sealer.model import Platform
from sealer.testing.conformance import RecipeSample
from tests.plugins.kit import KUBERNETES_IMAGES, balanced_image

IMAGE = balanced_image()
PREVIOUS_VERSION = "v1.20.1"

RELEASES = tuple(
    RecipeSample(
        version=version,
        platform=Platform(architecture=architecture),
        answer="".join(f"{name}\n" for name in KUBERNETES_IMAGES),
    )
    for version in ("1.20.2", "v1.33.1", "1.36.0")
    for architecture in ("amd64", "arm64")
)
