"""Host checks that every distribution of Kubernetes needs: of its ports, its names and its networks."""

from __future__ import annotations

import ipaddress
import re
from abc import abstractmethod
from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host, Probe

PORTS = Probe(
    name="kubernetes/ports",
    script="""\
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { sub(/.*:/, "", $2); print $2 }' | sort -u""",
)
"""Answers with the TCP ports that something listens on, in hexadecimal, one a line."""

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,4}")
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def listening_ports(host: Host) -> frozenset[int]:
    """Return the TCP ports on which something listens, as the host answered to ``PORTS``."""
    words = host.facts.answers.get(PORTS.name, "").split()
    return frozenset(int(word, 16) for word in words if _HEXADECIMAL.fullmatch(word))


class PortsFree(Check):
    """The ports that a distribution listens on are free, where it is not there yet."""

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for ports that something listens on."""
        return (PORTS,)

    @abstractmethod
    def ports(self, cluster: Cluster, host: Host) -> tuple[int, ...]:
        """Return the TCP ports that the host must have free."""

    @abstractmethod
    def is_member(self, cluster: Cluster, host: Host) -> bool:
        """Tell whether the host belongs to the cluster already: then its own programs listen there."""

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host that is no member yet and has some of these ports in use."""
        for host in cluster.hosts:
            if self.is_member(cluster, host):
                continue
            if not host.facts.answers.get(PORTS.name):
                yield self.not_checked(host.name)
                continue
            used = sorted(listening_ports(host).intersection(self.ports(cluster, host)))
            if used:
                yield self.finding(
                    host.name,
                    found=f"ports in use: {', '.join(str(port) for port in used)}",
                    wanted="these ports free",
                    mend="find the programs with 'ss -ltnp' and stop them",
                )


class NodeNames(Check):
    """A host's name can be the name of a node."""

    title = "names of nodes"

    @abstractmethod
    def node_name(self, cluster: Cluster, host: Host) -> str:
        """Return the name that the host's node will have."""

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose name no node may have."""
        for host in cluster.hosts:
            name = self.node_name(cluster, host)
            if not _NODE_NAME.fullmatch(name):
                yield self.finding(
                    host.name,
                    found=f"host name {name!r}",
                    wanted="small letters, digits, '-' and '.', as node names have",
                    mend="hostnamectl set-hostname NAME",
                )


class HostsApart(Check):
    """No address of a host lies in a network of pods or services."""

    title = "networks of pods and services"

    @abstractmethod
    def networks(self, cluster: Cluster) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Return the networks of pods and services."""

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose address lies in one of them."""
        wanted = tuple(self.networks(cluster))
        for host in cluster.hosts:
            address = ipaddress.ip_address(host.address)
            for network in wanted:
                if address in network:
                    yield self.finding(
                        host.name,
                        found=f"its address {address} lies in {network}, a network of pods or services",
                        wanted="networks apart from those of the hosts",
                        mend="set PodCIDR and SvcCIDR in the environment to others",
                    )
