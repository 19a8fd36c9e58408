"""Checks of k3s: what would fail later without a clear word."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterable

from sealer.kubernetes import HostsApart, NodeNames, PortsFree, UnitRuns, Unused, owner
from sealer.model import Check, Cluster, Finding, Host, Probe, Severity, Traffic
from sealer_runtime_k3s import probes
from sealer_runtime_k3s.config import has_etcd, networks, parse_networks, shares_images, tunnel_port
from sealer_runtime_k3s.control_groups import ControlGroups
from sealer_runtime_k3s.documents import DOCUMENT, KNOWN_KEYS, asked, plain
from sealer_runtime_k3s.names import API_PORT, node_name, unit

_KUBELET_PORT = 10250
_SERVER_PORTS = (API_PORT, 2379, 2380, 6444, _KUBELET_PORT)
_AGENT_PORTS = (6444, _KUBELET_PORT)
"""What k3s listens on (https://docs.k3s.io/installation/requirements#networking); 6444 is its balancer."""

_SHARING_PORT = 5001
"""By which nodes tell one another which container images they have."""


class NoOtherKubernetes(Unused):
    """The host has no Kubernetes but that of this cluster."""

    id = "k3s-unused"
    probe = probes.STATE


class FreePorts(PortsFree):
    """The ports of k3s are free."""

    id = "k3s-ports"
    title = "ports of k3s"

    def probes(self) -> tuple[Probe, ...]:
        return (*super().probes(), probes.STATE)

    def ports(self, cluster: Cluster, host: Host) -> tuple[int, ...]:
        ports = _SERVER_PORTS if host.is_master else _AGENT_PORTS
        # Nodes that share images serve them where servers have the API.
        return tuple(dict.fromkeys((*ports, API_PORT, _SHARING_PORT))) if shares_images(cluster) else ports

    def is_member(self, cluster: Cluster, host: Host) -> bool:
        return owner(host, probes.STATE) == cluster.name


class Names(NodeNames):
    """A host's name can be the name of a node."""

    id = "k3s-node-name"

    def node_name(self, cluster: Cluster, host: Host) -> str:
        return node_name(host)


class NetworksApart(HostsApart):
    """No address of a host lies in a network of pods or services."""

    id = "k3s-networks"

    def networks(self, cluster: Cluster) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [network for text in networks(cluster) for network in parse_networks(text)]


class SettingsKnown(Check):
    """What the documents set is known to k3s, which does not start otherwise."""

    id = "k3s-settings"
    title = f"settings in {DOCUMENT}"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for key in sorted({plain(key) for key in asked(cluster)} - KNOWN_KEYS):
            near = difflib.get_close_matches(key, KNOWN_KEYS, n=1)
            yield self.finding(
                cluster.first_master.name,
                found=f"{DOCUMENT} sets {key}, which no k3s up to 1.36 knows",
                wanted="settings that k3s has",
                mend=f"write {near[0]}" if near else "look it up in `k3s server --help`",
                severity=Severity.WARNING,
            )


class ServiceRuns(UnitRuns):
    """The server runs on masters, the agent on nodes."""

    id = "k3s-runs"
    title = "k3s runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        return unit(host)


def all_checks() -> tuple[Check, ...]:
    """Return a check of each kind."""
    return (NoOtherKubernetes(), FreePorts(), Names(), NetworksApart(), SettingsKnown(), ControlGroups())


def traffic(cluster: Cluster) -> Iterable[Traffic]:
    """Return the connections between hosts; those of pods if k3s itself makes their network."""
    everyone = tuple(host.name for host in cluster.hosts)
    masters = tuple(host.name for host in cluster.masters)
    yield Traffic(purpose="API server", port=API_PORT, sources=everyone, targets=masters)
    yield Traffic(purpose="kubelet", port=_KUBELET_PORT, sources=masters, targets=everyone)
    if has_etcd(cluster):
        yield Traffic(purpose="etcd for its clients", port=2379, sources=masters, targets=masters)
        yield Traffic(purpose="etcd for its peers", port=2380, sources=masters, targets=masters)
    if shares_images(cluster):
        yield Traffic(
            purpose="images that nodes have", port=_SHARING_PORT, sources=everyone, targets=everyone
        )
        nodes = tuple(host.name for host in cluster.nodes)
        yield Traffic(purpose="images of nodes", port=API_PORT, sources=everyone, targets=nodes)
    tunnel = tunnel_port(cluster)
    if tunnel is not None:
        yield Traffic(
            purpose="packets of pods", port=tunnel, sources=everyone, targets=everyone, protocol="udp"
        )
