"""Where upstream publishes Kubernetes and what goes with it, and which versions go together.

Sources of the facts: https://kubernetes.io/releases/download/ (addresses and checksums),
containerd's RELEASES.md (which Kubernetes a containerd supports; 1.7 is the last that speaks CRI v1alpha2,
which Kubernetes needs up to 1.22) and script/setup/runc-version at each of its tags (the runc it is tested
with), and the compatibility table of cri-tools.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealer.errors import ImageError
from sealer.model import Platform
from sealer.providers import Download

_ARCHITECTURES = frozenset({"amd64", "arm64"})
_OLDEST_MINOR = 20

CNI_PLUGINS = (
    "bandwidth", "bridge", "dhcp", "dummy", "firewall", "host-device", "host-local", "ipvlan", "loopback",
    "macvlan", "portmap", "ptp", "sbr", "static", "tap", "tuning", "vlan", "vrf",
)  # fmt: skip
"""All plugins of a release of the CNI plugins for Linux."""

_CNI_PLUGINS_VERSION = "v1.9.1"
_REGISTRY_VERSION = "2.8.3"
# Nodes balance by it, and masters are asked and saved by its etcdctl, whichever etcd their image has.
_ETCD_VERSION = "v3.5.21"
_HELM_VERSION = "v3.18.4"
# cri-tools has a release of every minor version of Kubernetes; this is the newest that is known here.
_NEWEST_CRICTL_MINOR = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runtime:
    """The container runtime for Kubernetes from 1.``minor`` on."""

    minor: int
    containerd: str
    runc: str


_RUNTIMES = (
    _Runtime(minor=36, containerd="2.3.4", runc="1.4.3"),
    _Runtime(minor=32, containerd="2.2.7", runc="1.3.6"),
    _Runtime(minor=_OLDEST_MINOR, containerd="1.7.34", runc="1.3.6"),
)


def check_platform(platform: Platform) -> None:
    """Refuse a platform that these releases are not built for.

    Raises:
        ImageError: It is another than linux/amd64 and linux/arm64.
    """
    if platform.os != "linux" or platform.architecture not in _ARCHITECTURES:
        raise ImageError(
            f"there is no recipe of Kubernetes for {platform}", hint="choose linux/amd64 or linux/arm64"
        )


def downloads(version: str, platform: Platform) -> tuple[Download, ...]:
    """Return the files that make up a base image.

    Args:
        version: Of Kubernetes, as ``v1.33.1``.
        platform: linux/amd64 or linux/arm64.

    Raises:
        ImageError: The version is older than the recipe goes, or the platform is another.
    """
    check_platform(platform)
    major, minor = (int(part) for part in version.removeprefix("v").split(".")[:2])
    if (major, minor) < (1, _OLDEST_MINOR):
        raise ImageError(
            f"Kubernetes {version} is older than the releases this recipe downloads",
            hint=f"choose v1.{_OLDEST_MINOR}.0 or later, or build from files of your own with --from DIR",
        )
    runtime = next(row for row in _RUNTIMES if (major, minor) >= (1, row.minor))
    arch = platform.architecture
    return (
        *(_kubernetes(name, version, arch) for name in ("kubeadm", "kubelet", "kubectl")),
        _containerd(runtime.containerd, arch),
        _runc(runtime.runc, arch),
        _crictl(f"v1.{min(minor, _NEWEST_CRICTL_MINOR)}.0", arch),
        _cni_plugins(arch),
        _etcd(arch),
        _registry(arch),
        _helm(arch),
    )


def _kubernetes(name: str, version: str, arch: str) -> Download:
    url = f"https://dl.k8s.io/release/{version}/bin/linux/{arch}/{name}"
    return Download(url=url, checksum=f"{url}.sha256", version=version, component=name)


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


def _crictl(version: str, arch: str) -> Download:
    release = f"https://github.com/kubernetes-sigs/cri-tools/releases/download/{version}"
    url = f"{release}/crictl-{version}-linux-{arch}.tar.gz"
    return Download(url=url, checksum=f"{url}.sha256", version=version, members={"crictl": "crictl"})


def _cni_plugins(arch: str) -> Download:
    version = _CNI_PLUGINS_VERSION
    release = f"https://github.com/containernetworking/plugins/releases/download/{version}"
    url = f"{release}/cni-plugins-linux-{arch}-{version}.tgz"
    return Download(
        url=url,
        checksum=f"{url}.sha256",
        version=version,
        members={name: name for name in CNI_PLUGINS},
    )


def _etcd(arch: str) -> Download:
    version = _ETCD_VERSION
    release = f"https://github.com/etcd-io/etcd/releases/download/{version}"
    name = f"etcd-{version}-linux-{arch}"
    return Download(
        url=f"{release}/{name}.tar.gz",
        checksum=f"{release}/SHA256SUMS",
        version=version.removeprefix("v"),
        members={f"{name}/etcd": "etcd", f"{name}/etcdctl": "etcdctl"},
    )


def _registry(arch: str) -> Download:
    version = _REGISTRY_VERSION
    release = f"https://github.com/distribution/distribution/releases/download/v{version}"
    url = f"{release}/registry_{version}_linux_{arch}.tar.gz"
    return Download(url=url, checksum=f"{url}.sha256", version=version, members={"registry": "registry"})


def _helm(arch: str) -> Download:
    url = f"https://get.helm.sh/helm-{_HELM_VERSION}-linux-{arch}.tar.gz"
    return Download(
        url=url,
        checksum=f"{url}.sha256sum",
        version=_HELM_VERSION,
        members={f"linux-{arch}/helm": "helm"},
    )
