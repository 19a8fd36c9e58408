"""Control groups of version 1: refused where k3s' kubelet refuses them, unless the user lets them pass."""

from __future__ import annotations

from sealer.kubernetes import ControlGroupsFit
from sealer.model import Cluster, Host
from sealer_runtime_k3s.documents import DOCUMENT, as_list, asked, plain
from sealer_runtime_k3s.version import image_version

_ARGUMENTS = "kubelet-arg"
_ALLOWED = "fail-cgroupv1=false"
"""The kubelet's flag for failCgroupV1 (https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/)."""


class ControlGroups(ControlGroupsFit):
    """The kubelet inside k3s works with the host's version of control groups."""

    id = "k3s-cgroups"
    setting = f"{_ARGUMENTS}: [{_ALLOWED}] in a {DOCUMENT}"

    def minor(self, cluster: Cluster) -> int:
        return image_version(cluster.image).minor

    def passes(self, cluster: Cluster, host: Host) -> bool:
        given = [as_list(value) for key, value in asked(cluster).items() if plain(key) == _ARGUMENTS]
        return any(word.removeprefix("--") == _ALLOWED for words in given for word in words)
