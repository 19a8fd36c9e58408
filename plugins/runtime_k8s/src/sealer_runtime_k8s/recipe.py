"""The recipe of Kubernetes base images: kubeadm with what belongs to it, and etcd."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sealer.errors import ImageError
from sealer.kubernetes import require_platform
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, Platform
from sealer.providers import BaseRecipe, Component, Download, ProgramQuery
from sealer_runtime_k8s import releases
from sealer_runtime_k8s.balancer import ETCD_VERSION_LABEL

_VERSION = re.compile(r"v?(?P<version>\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)")
_IMAGE = re.compile(r"[^\s/]+(?:/[^\s/]+)+[:@][^\s/]+")

# kubectl has printed its version in three layouts; this is JSON, which all releases have.
_KUBECTL_VERSION = r'"gitVersion": "(v[^"]+)"'

_COMPONENTS = (
    Component(
        name="kubeadm",
        path="bin/kubeadm",
        version_arguments=("version", "--output", "short"),
        version_pattern=r"^(v\S+)",
        carries_version=True,
    ),
    Component(
        name="kubelet",
        path="bin/kubelet",
        version_arguments=("--version",),
        version_pattern=r"^Kubernetes (v\S+)",
        carries_version=True,
    ),
    Component(
        name="kubectl",
        path="bin/kubectl",
        version_arguments=("version", "--client", "--output", "json"),
        version_pattern=_KUBECTL_VERSION,
        carries_version=True,
    ),
    Component(name="crictl", path="bin/crictl"),
    Component(
        name="etcd",
        path="bin/etcd",
        version_arguments=("--version",),
        version_pattern=r"^etcd Version: (\S+)",
        optional=True,
    ),
    Component(name="etcdctl", path="bin/etcdctl", optional=True),
)


class KubernetesRecipe(BaseRecipe):
    """Kubernetes by kubeadm with etcd's programs, beside a container runtime, a registry and helm."""

    name = "kubernetes"
    summary = "Kubernetes by kubeadm, with a container runtime and a registry"
    container_runtime = "containerd"
    registry = True
    app_types = ("helm",)

    def canonical_version(self, version: str) -> str:
        match = _VERSION.fullmatch(version.strip())
        if match is None:
            raise ImageError(
                f"{version!r} is not a version of Kubernetes",
                hint="write all three numbers, as v1.33.1 or 1.33.1",
            )
        return f"v{match['version']}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        require_platform(platform, "Kubernetes")
        return _COMPONENTS

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        return releases.downloads(version, platform)

    def image_query(self, version: str) -> ProgramQuery:
        return ProgramQuery(
            component="kubeadm", arguments=("config", "images", "list", "--kubernetes-version", version)
        )

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        names = tuple(line.strip() for line in answer.splitlines() if line.strip())
        strange = next((name for name in names if not _IMAGE.fullmatch(name)), None)
        if strange is not None or not names:
            raise ImageError(
                f"kubeadm of {version} doesn't list its container images: {strange or 'it prints nothing'}"
            )
        return names

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {
            RUNTIME_TYPE_LABEL: self.name,
            RUNTIME_VERSION_LABEL: version,
            **({ETCD_VERSION_LABEL: versions["etcd"]} if "etcd" in versions else {}),
        }
