"""The recipe of k3s base images: one program, the registry beside it, and the list of container images."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sealer.errors import ImageError
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, Platform
from sealer.providers import BaseRecipe, Component, Download, FileQuery
from sealer_runtime_k3s.version import FORM, OLDEST_MINOR

_IMAGES = "k3s-images.txt"
_ARCHITECTURES = {"amd64": "k3s", "arm64": "k3s-arm64"}
"""What the program is called in a release, by architecture."""

_IMAGE = re.compile(r"[^\s/]+(?:/[^\s/]+)*[:@][^\s/]+")

_COMPONENTS = (
    Component(
        name="k3s",
        path="bin/k3s",
        version_arguments=("--version",),
        version_pattern=r"^k3s(?:-\S+)? version (v\S+)",
        carries_version=True,
    ),
    Component(name=_IMAGES, path=f"k3s/{_IMAGES}", optional=True, executable=False),
)


class K3sRecipe(BaseRecipe):
    """k3s with the registry and helm. containerd, runc and the CNI programs are inside k3s."""

    name = "k3s"
    summary = "Kubernetes by k3s, with a registry"
    registry = True
    app_types = ("helm",)

    def canonical_version(self, version: str) -> str:
        match = FORM.fullmatch(version.strip())
        if match is None or match[5] is None:
            raise ImageError(
                f"{version!r} is not a version of k3s", hint="write all of it, as v1.33.1+k3s1 or 1.33.1+k3s1"
            )
        return f"v{version.strip().removeprefix('v')}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        _check_platform(platform)
        return _COMPONENTS

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        """Return the files of a release (https://github.com/k3s-io/k3s/releases), and what goes with them."""
        _check_platform(platform)
        minor = int(version.split(".")[1])
        if minor < OLDEST_MINOR:
            raise ImageError(
                f"k3s {version} is older than the releases this recipe downloads",
                hint=f"choose v1.{OLDEST_MINOR}.0+k3s1 or later",
            )
        arch = platform.architecture
        release = f"https://github.com/k3s-io/k3s/releases/download/{version.replace('+', '%2B')}"
        return (
            Download(
                url=f"{release}/{_ARCHITECTURES[arch]}",
                checksum=f"{release}/sha256sum-{arch}.txt",
                version=version,
                component="k3s",
            ),
            # The list is the same for all architectures, and published with the first of them.
            Download(
                url=f"{release}/{_IMAGES}",
                checksum=f"{release}/sha256sum-amd64.txt",
                version=version,
                component=_IMAGES,
            ),
        )

    def image_query(self, version: str) -> FileQuery:
        return FileQuery(component=_IMAGES)

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        names = tuple(line.strip() for line in answer.splitlines() if line.strip())
        strange = next((name for name in names if not _IMAGE.fullmatch(name)), None)
        if strange is not None:
            raise ImageError(f"{_IMAGES} of k3s {version} has a line that is no container image: {strange}")
        return names

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {RUNTIME_TYPE_LABEL: self.name, RUNTIME_VERSION_LABEL: version}


def _check_platform(platform: Platform) -> None:
    if platform.os != "linux" or platform.architecture not in _ARCHITECTURES:
        raise ImageError(
            f"there is no recipe of k3s for {platform}", hint="choose linux/amd64 or linux/arm64"
        )
