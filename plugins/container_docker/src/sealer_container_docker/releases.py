"""The files that Docker needs on a host, and where upstream publishes them.

Sources of the facts: https://download.docker.com/linux/static/stable, which publishes no checksums (those
here are the ones that KubeKey pins in its version/components.json), and the releases of
https://github.com/Mirantis/cri-dockerd, as Kubespray pins them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealer.errors import ImageError
from sealer.kubernetes import cni_components, cni_downloads, release_minor, require_platform
from sealer.model import Platform
from sealer.providers import Component, Download
from sealer_container_docker.names import FIRST_WITHOUT_SHIM

_OLDEST = (1, 20)

_COMPONENTS = (
    Component(
        name="dockerd",
        path="bin/dockerd",
        version_arguments=("--version",),
        version_pattern=r"^Docker version ([^\s,]+)",
    ),
    Component(name="docker", path="bin/docker"),
    Component(name="containerd", path="bin/containerd"),
    Component(name="containerd-shim-runc-v2", path="bin/containerd-shim-runc-v2"),
    Component(name="runc", path="bin/runc"),
    # Only `docker run --init` and published ports want these two.
    Component(name="docker-init", path="bin/docker-init", optional=True),
    Component(name="docker-proxy", path="bin/docker-proxy", optional=True),
    Component(
        name="cri-dockerd",
        path="bin/cri-dockerd",
        version_arguments=("--version",),
        version_pattern=r"^cri-dockerd v?([^\s(]+)",
        optional=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Release:
    """A version, and the digest of its archive by architecture."""

    version: str
    amd64: str
    arm64: str

    def checksum(self, arch: str) -> str:
        return f"sha256:{self.amd64 if arch == 'amd64' else self.arm64}"


_DOCKER_OF_SHIM = _Release(
    version="20.10.23",
    amd64="0ee39f72cc434137d294c14d30897826bad6e24979e421f51a252769ad37e6d1",
    arm64="5c40bb7dcd1aad94be49ad75d24e7fd409119ed0eaad04f5d13c4fddfb397c8a",
)
"""kubeadm of the last releases with dockershim knows Docker up to 20.10."""

_DOCKER = _Release(
    version="24.0.6",
    amd64="99792dec613df93169a118b05312a722a63604b868e4c941b1b436abcf3bb70f",
    arm64="d9f58aecc42451503e82e6e0562cafa1812b334c92186a7f486e111e70a0f5bd",
)
_CRI_DOCKERD = _Release(
    version="0.3.26",
    amd64="87f31c964d974cdce9c883c79b69e355c3c323e51d3a7d36cda140e6df7b8d5a",
    arm64="d33e46e0d7ce28b22fdf7fa6327961cf0220ec3814fd7cc482f8cb77e7fd986a",
)
_ARCHIVED = tuple(part.name for part in _COMPONENTS if part.name != "cri-dockerd")


def has_shim(kubernetes: str) -> bool:
    """Tell whether kubelets of a version, such as ``v1.23.17``, speak to Docker by themselves."""
    return release_minor(kubernetes) < FIRST_WITHOUT_SHIM


def components(platform: Platform) -> tuple[Component, ...]:
    """Return the files of the rootfs.

    Raises:
        ImageError: There are none for the platform.
    """
    return (*_COMPONENTS, *cni_components(platform))


def downloads(kubernetes: str, platform: Platform) -> tuple[Download, ...]:
    """Return what Docker needs on a host beside a version of Kubernetes.

    Raises:
        ImageError: The version is older than what is known here, or the platform is another.
    """
    require_platform(platform, "Docker")
    if release_minor(kubernetes) < _OLDEST:
        raise ImageError(
            f"no Docker is known here that goes with Kubernetes {kubernetes}",
            hint="choose v1.20.0 or later, or build from files of your own with --from DIR",
        )
    arch = platform.architecture
    if has_shim(kubernetes):
        return (_docker(_DOCKER_OF_SHIM, arch), *cni_downloads(platform))
    return (_docker(_DOCKER, arch), _cri_dockerd(arch), *cni_downloads(platform))


def _docker(release: _Release, arch: str) -> Download:
    directory = {"amd64": "x86_64", "arm64": "aarch64"}[arch]
    base = f"https://download.docker.com/linux/static/stable/{directory}"
    return Download(
        url=f"{base}/docker-{release.version}.tgz",
        checksum=release.checksum(arch),
        version=release.version,
        members={f"docker/{name}": name for name in _ARCHIVED},
    )


def _cri_dockerd(arch: str) -> Download:
    version = _CRI_DOCKERD.version
    release = f"https://github.com/Mirantis/cri-dockerd/releases/download/v{version}"
    return Download(
        url=f"{release}/cri-dockerd-{version}.{arch}.tgz",
        checksum=_CRI_DOCKERD.checksum(arch),
        version=version,
        members={"cri-dockerd/cri-dockerd": "cri-dockerd"},
    )
