"""Control groups of version 1: refused where the kubelet refuses them, unless the user lets them pass."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host
from sealer_runtime_k8s.documents import asked, offered
from sealer_runtime_k8s.version import image_version

_FIRST_WITHOUT_VERSION_1 = 35
"""The minor release whose kubelet has failCgroupV1 on unless told otherwise."""

_VALIDATION = "SystemVerification"


class ControlGroups(Check):
    """The kubelet works with the host's version of control groups."""

    id = "kubernetes-cgroups"
    title = "version of control groups"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        if _allowed(cluster):
            return
        for host in cluster.hosts:
            if _is_refused(cluster, host):
                yield self.finding(
                    host.name,
                    found="control groups of version 1",
                    wanted=f"version 2: the kubelet refuses 1 from v1.{_FIRST_WITHOUT_VERSION_1} on",
                    mend="boot with systemd.unified_cgroup_hierarchy=1, or set failCgroupV1: false",
                )


def ignored_preflight(cluster: Cluster, host: Host) -> tuple[str, ...]:
    """Return the names of kubeadm's preflight checks that must be left out on a host.

    kubeadm refuses what its kubelet would, and does not look whether the kubelet is told otherwise: who sets
    failCgroupV1 "must also explicitly skip this validation" (k8s.io/system-validators 1.12).
    """
    return (_VALIDATION,) if _allowed(cluster) and _is_refused(cluster, host) else ()


def _allowed(cluster: Cluster) -> bool:
    settings = [document(cluster, "KubeletConfiguration") for document in (offered, asked)]
    return any(found.get("failCgroupV1") is False for found in settings)


def _is_refused(cluster: Cluster, host: Host) -> bool:
    """Tell whether a kubelet that is told nothing refuses the control groups of a host."""
    is_late = image_version(cluster.image).minor >= _FIRST_WITHOUT_VERSION_1
    return is_late and host.facts.cgroup_version == 1
