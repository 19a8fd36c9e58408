"""Hosts that are to leave a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.model.cluster import Cluster
from sealer.model.host import Host

DRAIN_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Which hosts leave, and what is known of the others.

    Attributes:
        hosts: Those that leave.
        lost: The names of all hosts that can't be reached, whether they leave or stay.
        drain_seconds: How long the pods of one host may take to move away; their budgets are respected.
    """

    hosts: tuple[Host, ...]
    lost: frozenset[str] = frozenset()
    drain_seconds: int = DRAIN_SECONDS

    def staying(self, cluster: Cluster) -> tuple[Host, ...]:
        """Return the hosts that stay, also those that can't be reached."""
        leaving = {host.name for host in self.hosts}
        return tuple(host for host in cluster.hosts if host.name not in leaving)

    def reachable(self, cluster: Cluster) -> tuple[Host, ...]:
        """Return the hosts that stay and on which steps can be made."""
        return tuple(host for host in self.staying(cluster) if host.name not in self.lost)
