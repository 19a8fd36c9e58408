"""Where upstream publishes Kubernetes, crictl, and the etcd that balances for nodes.

Sources of the facts: https://kubernetes.io/releases/download/ (addresses and checksums), and the table of
compatible versions of cri-tools.
"""

from __future__ import annotations

from sealer.errors import ImageError
from sealer.kubernetes import release_minor, require_platform
from sealer.model import Platform
from sealer.providers import Download

_OLDEST_MINOR = 20

# Nodes balance by it. Its etcdctl is for people: Sealer calls the one in the pod of etcd.
_ETCD_VERSION = "v3.5.21"
# cri-tools has a release of every minor version of Kubernetes; this is the newest that is known here.
_NEWEST_CRICTL_MINOR = 36


def downloads(version: str, platform: Platform) -> tuple[Download, ...]:
    """Return the files that make up a base image.

    Args:
        version: Of Kubernetes, as ``v1.33.1``.
        platform: linux/amd64 or linux/arm64.

    Raises:
        ImageError: The version is older than the recipe goes, or the platform is another.
    """
    require_platform(platform, "Kubernetes")
    if release_minor(version) < (1, _OLDEST_MINOR):
        raise ImageError(
            f"Kubernetes {version} is older than the releases this recipe downloads",
            hint=f"choose v1.{_OLDEST_MINOR}.0 or later, or build from files of your own with --from DIR",
        )
    arch = platform.architecture
    return (
        *(_kubernetes(name, version, arch) for name in ("kubeadm", "kubelet", "kubectl")),
        _crictl(f"v1.{min(release_minor(version)[1], _NEWEST_CRICTL_MINOR)}.0", arch),
        _etcd(arch),
    )


def _kubernetes(name: str, version: str, arch: str) -> Download:
    url = f"https://dl.k8s.io/release/{version}/bin/linux/{arch}/{name}"
    return Download(url=url, checksum=f"{url}.sha256", version=version, component=name)


def _crictl(version: str, arch: str) -> Download:
    release = f"https://github.com/kubernetes-sigs/cri-tools/releases/download/{version}"
    url = f"{release}/crictl-{version}-linux-{arch}.tar.gz"
    return Download(url=url, checksum=f"{url}.sha256", version=version, members={"crictl": "crictl"})


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
