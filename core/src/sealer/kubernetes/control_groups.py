"""Control groups of version 1: refused where the kubelet refuses them, unless the user lets them pass."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host

_FIRST_WITHOUT_VERSION_1 = 35
"""The minor release whose kubelet has failCgroupV1 on unless told otherwise."""


def refuses_control_groups(minor: int, host: Host) -> bool:
    """Tell whether a kubelet that is told nothing refuses the control groups of a host.

    Args:
        minor: The minor release of Kubernetes.
        host: The host, whose facts say which version of control groups it has.
    """
    return minor >= _FIRST_WITHOUT_VERSION_1 and host.facts.cgroup_version == 1


class ControlGroupsFit(Check):
    """The kubelet works with the host's version of control groups."""

    title = "version of control groups"
    setting = "failCgroupV1: false"
    """What the user sets to let version 1 pass, and where."""

    @abstractmethod
    def minor(self, cluster: Cluster) -> int:
        """Return the minor release of the Kubernetes that the image brings."""

    @abstractmethod
    def passes(self, cluster: Cluster, host: Host) -> bool:
        """Tell whether the kubelet of a host is told to take version 1, or there is none."""

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose control groups its kubelet would refuse."""
        minor = self.minor(cluster)
        for host in cluster.hosts:
            if refuses_control_groups(minor, host) and not self.passes(cluster, host):
                yield self.finding(
                    host.name,
                    found="control groups of version 1",
                    wanted=f"version 2: 1 is refused from v1.{_FIRST_WITHOUT_VERSION_1} on",
                    mend=f"boot with systemd.unified_cgroup_hierarchy=1, or set {self.setting}",
                )
