"""Where upstream publishes containerd and runc, and which of them go with which Kubernetes.

Sources of the facts: containerd's RELEASES.md (which Kubernetes a containerd supports; 1.7 is the last that
speaks CRI v1alpha2, which Kubernetes needs up to 1.22) and script/setup/runc-version at each of its tags (the
runc it is tested with).
"""

from __future__ import annotations

from dataclasses import dataclass

from sealer.errors import ImageError
from sealer.kubernetes import cni_downloads, release_minor
from sealer.model import Platform
from sealer.providers import Component, Download

_OLDEST_MINOR = 20

COMPONENTS = (
    Component(
        name="containerd",
        path="bin/containerd",
        version_arguments=("--version",),
        version_pattern=r"^containerd \S+ v?(\S+)",
    ),
    Component(name="containerd-shim-runc-v2", path="bin/containerd-shim-runc-v2"),
    Component(name="ctr", path="bin/ctr"),
    Component(name="runc", path="bin/runc"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Versions:
    """The versions for Kubernetes from 1.``minor`` on."""

    minor: int
    containerd: str
    runc: str


_VERSIONS = (
    _Versions(minor=36, containerd="2.3.4", runc="1.4.3"),
    _Versions(minor=32, containerd="2.2.7", runc="1.3.6"),
    _Versions(minor=_OLDEST_MINOR, containerd="1.7.34", runc="1.3.6"),
)


def downloads(kubernetes: str, platform: Platform) -> tuple[Download, ...]:
    """Return the files that containerd needs on a host beside a version of Kubernetes.

    Raises:
        ImageError: The version is older than containerd's table goes, or the platform is another.
    """
    others = cni_downloads(platform)
    if release_minor(kubernetes) < (1, _OLDEST_MINOR):
        raise ImageError(
            f"no containerd is known here that goes with Kubernetes {kubernetes}",
            hint=f"choose v1.{_OLDEST_MINOR}.0 or later, or build from files of your own with --from DIR",
        )
    versions = next(row for row in _VERSIONS if release_minor(kubernetes) >= (1, row.minor))
    arch = platform.architecture
    return (_containerd(versions.containerd, arch), _runc(versions.runc, arch), *others)


def _containerd(version: str, arch: str) -> Download:
    release = f"https://github.com/containerd/containerd/releases/download/v{version}"
    url = f"{release}/containerd-{version}-linux-{arch}.tar.gz"
    names = ("containerd", "containerd-shim-runc-v2", "ctr")
    return Download(
        url=url,
        checksum=f"{url}.sha256sum",
        version=version,
        members={f"bin/{name}": name for name in names},
    )


def _runc(version: str, arch: str) -> Download:
    release = f"https://github.com/opencontainers/runc/releases/download/v{version}"
    return Download(
        url=f"{release}/runc.{arch}",
        checksum=f"{release}/runc.sha256sum",
        version=version,
        component="runc",
    )
