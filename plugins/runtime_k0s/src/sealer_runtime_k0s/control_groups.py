"""Control groups of version 1: refused where the kubelet refuses them, unless the user lets them pass."""

from __future__ import annotations

from sealer.kubernetes import ControlGroupsFit, refuses_control_groups
from sealer.model import Cluster, Host
from sealer_runtime_k0s.config import is_worker, specification
from sealer_runtime_k0s.version import image_version

_PROFILE = "default"
"""The worker profile of hosts that are told of none."""


class ControlGroups(ControlGroupsFit):
    """The kubelet works with the host's version of control groups."""

    id = "k0s-cgroups"
    setting = f"failCgroupV1: false in the worker profile {_PROFILE}"

    def minor(self, cluster: Cluster) -> int:
        return image_version(cluster.image).minor

    def passes(self, cluster: Cluster, host: Host) -> bool:
        return not is_worker(cluster, host) or _allowed(cluster)


def skips_preflight(cluster: Cluster, host: Host) -> bool:
    """Tell whether k0s must leave out its own checks on a host.

    They refuse what its kubelet would, do not look whether the kubelet is told otherwise, and can be left out
    in one piece alone (internal/pkg/sysinfo of k0s 1.35.7 and 1.36).

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    return refuses_control_groups(image_version(cluster.image).minor, host) and _allowed(cluster)


def _allowed(cluster: Cluster) -> bool:
    profiles = specification(cluster).get("workerProfiles") or []
    values = [one.get("values") or {} for one in profiles if one.get("name") == _PROFILE]
    return any(found.get("failCgroupV1") is False for found in values)
