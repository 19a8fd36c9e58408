"""The recipe of k0s base images: one program, the registry beside it, and the container images it names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sealer.errors import ImageError
from sealer.kubernetes import require_platform
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, Platform
from sealer.providers import BaseRecipe, Component, Download, ProgramQuery
from sealer_runtime_k0s.version import FORM, K0sVersion, parse_version

_IMAGE = re.compile(r"[^\s/]+(?:/[^\s/]+)*[:@][^\s/]+")
_OLDEST_DOWNLOAD = 28
"""The first minor release that is published with checksums."""

_COMPONENTS = (
    Component(
        name="k0s",
        path="bin/k0s",
        version_arguments=("version",),
        version_pattern=r"^(v\S+)",
        carries_version=True,
    ),
)


class K0sRecipe(BaseRecipe):
    """k0s with the registry and helm. etcd, containerd, runc and the kubelet are inside k0s."""

    name = "k0s"
    summary = "Kubernetes by k0s, with a registry"
    registry = True
    app_types = ("helm",)

    def canonical_version(self, version: str) -> str:
        match = FORM.fullmatch(version.strip())
        if match is None or match[5] is None:
            raise ImageError(
                f"{version!r} is not a version of k0s",
                hint="write all of it, as v1.33.1+k0s.0 or 1.33.1+k0s.0",
            )
        return f"v{version.strip().removeprefix('v')}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        require_platform(platform, "k0s")
        return _COMPONENTS

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        """Return what is published as https://github.com/k0sproject/k0s/releases."""
        require_platform(platform, "k0s")
        if _parsed(version).minor < _OLDEST_DOWNLOAD:
            raise ImageError(
                f"k0s {version} was published without checksums",
                hint=f"choose v1.{_OLDEST_DOWNLOAD}.2+k0s.0 or later, or give the files with --from",
            )
        arch = platform.architecture
        # The plus stays as it is: the list of checksums has the file's name with it.
        release = f"https://github.com/k0sproject/k0s/releases/download/{version}"
        return (
            Download(
                url=f"{release}/k0s-{version}-{arch}",
                checksum=f"{release}/sha256sums.txt",
                version=version,
                component="k0s",
            ),
        )

    def image_query(self, version: str) -> ProgramQuery:
        # The network and the balancer are chosen when the cluster is made.
        every = ("--all",) if _parsed(version).balances else ()
        return ProgramQuery(component="k0s", arguments=("airgap", "list-images", *every))

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(line.strip() for line in answer.splitlines() if line.strip()))
        strange = next((name for name in names if not _IMAGE.fullmatch(name)), None)
        if strange is not None or not names:
            found = "nothing" if strange is None else repr(strange)
            raise ImageError(f"k0s {version} was asked for its container images and said {found}")
        return names

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {RUNTIME_TYPE_LABEL: self.name, RUNTIME_VERSION_LABEL: version}


def _parsed(version: str) -> K0sVersion:
    parsed = parse_version(version)
    if parsed is None:
        raise ImageError(f"{version!r} is not a version of k0s")
    return parsed
