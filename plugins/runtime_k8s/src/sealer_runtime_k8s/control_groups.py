"""Control groups of version 1: refused where the kubelet refuses them, unless the user lets them pass."""

from __future__ import annotations

from sealer.kubernetes import ControlGroupsFit, refuses_control_groups
from sealer.model import Cluster, Host
from sealer_runtime_k8s.documents import asked, offered
from sealer_runtime_k8s.version import image_version

_VALIDATION = "SystemVerification"


class ControlGroups(ControlGroupsFit):
    """The kubelet works with the host's version of control groups."""

    id = "kubernetes-cgroups"

    def minor(self, cluster: Cluster) -> int:
        return image_version(cluster.image).minor

    def passes(self, cluster: Cluster, host: Host) -> bool:
        return _allowed(cluster)


def ignored_preflight(cluster: Cluster, host: Host) -> tuple[str, ...]:
    """Return the names of kubeadm's preflight checks that must be left out on a host.

    kubeadm refuses what its kubelet would, and does not look whether the kubelet is told otherwise: who sets
    failCgroupV1 "must also explicitly skip this validation" (k8s.io/system-validators 1.12).
    """
    refused = refuses_control_groups(image_version(cluster.image).minor, host)
    return (_VALIDATION,) if refused and _allowed(cluster) else ()


def _allowed(cluster: Cluster) -> bool:
    settings = [of(cluster, "KubeletConfiguration") for of in (offered, asked)]
    return any(found.get("failCgroupV1") is False for found in settings)
