"""The image to plan k0s with, and releases that can be built."""

from dataclasses import replace

from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, ImageMetadata, Platform
from sealer.testing import example_image
from sealer.testing.conformance import RecipeSample

VERSION = "v1.33.1+k0s.0"
PREVIOUS_VERSION = "v1.32.4+k0s.0"
OLD_VERSION = "v1.20.6+k0s.0"
"""Of a k0s without balancers, whose containerd has its mirrors in one file."""


def image(version: str = VERSION) -> ImageMetadata:
    """Return a cluster image of that k0s."""
    example = example_image()
    labels = {**example.labels, RUNTIME_TYPE_LABEL: "k0s", RUNTIME_VERSION_LABEL: version}
    return replace(example, labels=labels)


IMAGE = image()

# What v1.20.6+k0s.0 printed.
IMAGES = (
    "docker.io/calico/cni:v3.16.2",
    "docker.io/calico/kube-controllers:v3.16.2",
    "docker.io/calico/node:v3.16.2",
    "us.gcr.io/k8s-artifacts-prod/kas-network-proxy/proxy-agent:v0.0.13",
    "docker.io/coredns/coredns:1.7.0",
    "k8s.gcr.io/kube-proxy:v1.20.4",
    "gcr.io/k8s-staging-metrics-server/metrics-server:v0.3.7",
    "k8s.gcr.io/pause:3.2",
    "docker.io/cloudnativelabs/kube-router:v1.1.1",
    "quay.io/k0sproject/cni-node:0.1.0",
)

RELEASES = tuple(
    RecipeSample(
        version=version,
        platform=Platform(architecture=architecture),
        answer="".join(f"{name}\n" for name in IMAGES),
    )
    for version in ("1.28.2+k0s.0", "v1.33.1+k0s.0", "v1.34.0-rc.1+k0s.1")
    for architecture in ("amd64", "arm64")
)
