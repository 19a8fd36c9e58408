"""Control groups of version 1: refused where the kubelet refuses them, unless the user lets them pass."""

from __future__ import annotations

from sealer.kubernetes import ControlGroupsFit
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
        if not is_worker(cluster, host):
            return True
        profiles = specification(cluster).get("workerProfiles") or []
        values = [one.get("values") or {} for one in profiles if one.get("name") == _PROFILE]
        return any(found.get("failCgroupV1") is False for found in values)
