"""Checks of k0s: what would fail later without a clear word."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sealer.kubernetes import HostsApart, NodeNames, PortsFree, UnitRuns, Unused, owner
from sealer.model import Check, Cluster, Host, Probe, Traffic
from sealer_runtime_k0s import probes
from sealer_runtime_k0s.balancer import balancer_ports
from sealer_runtime_k0s.config import has_etcd, is_worker, networks, ports, specification
from sealer_runtime_k0s.control_groups import ControlGroups
from sealer_runtime_k0s.names import node_name, unit

_KUBELET_PORT = 10250
_ETCD_CLIENTS, _ETCD_PEERS = 2379, 2380


class NoOtherKubernetes(Unused):
    """The host has no Kubernetes but that of this cluster."""

    id = "k0s-unused"
    probe = probes.STATE


class FreePorts(PortsFree):
    """The ports of k0s are free."""

    id = "k0s-ports"
    title = "ports of k0s"

    def probes(self) -> tuple[Probe, ...]:
        return (*super().probes(), probes.STATE)

    def ports(self, cluster: Cluster, host: Host) -> tuple[int, ...]:
        """Return those of https://docs.k0sproject.io/stable/networking/#required-ports-and-protocols.

        Those of the balancer, which the page leaves out, are k0s' settings' (docs/nllb.md in its sources).
        """
        works = is_worker(cluster, host)
        kubelet = (_KUBELET_PORT, *balancer_ports(specification(cluster))) if works else ()
        if not host.is_master:
            return kubelet
        etcd = (_ETCD_CLIENTS, _ETCD_PEERS) if has_etcd(cluster) else ()
        return (*ports(cluster), *etcd, *kubelet)

    def is_member(self, cluster: Cluster, host: Host) -> bool:
        return owner(host, probes.STATE) == cluster.name


class Names(NodeNames):
    """A host's name can be the name of a node."""

    id = "k0s-node-name"

    def node_name(self, cluster: Cluster, host: Host) -> str:
        return node_name(host)


class NetworksApart(HostsApart):
    """No address of a host lies in a network of pods or services."""

    id = "k0s-networks"

    def networks(self, cluster: Cluster) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        pods, services = networks(cluster)
        return (*pods, *services)


class ServiceRuns(UnitRuns):
    """The controller runs on masters, the worker on nodes."""

    id = "k0s-runs"
    title = "k0s runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        return unit(host)


def all_checks() -> tuple[Check, ...]:
    """Return a check of each kind."""
    return (NoOtherKubernetes(), FreePorts(), Names(), NetworksApart(), ControlGroups())


def traffic(cluster: Cluster) -> Iterable[Traffic]:
    """Return the connections between hosts; those of pods if k0s itself makes their network.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    everyone = tuple(host.name for host in cluster.hosts)
    masters = tuple(host.name for host in cluster.masters)
    api, joining, konnectivity = ports(cluster)
    yield Traffic(purpose="API server", port=api, sources=everyone, targets=masters)
    yield Traffic(purpose="konnectivity", port=konnectivity, sources=everyone, targets=masters)
    yield Traffic(purpose="kubelet", port=_KUBELET_PORT, sources=masters, targets=everyone)
    yield Traffic(purpose="controllers that join", port=joining, sources=masters, targets=masters)
    if has_etcd(cluster):
        yield Traffic(purpose="etcd for its peers", port=_ETCD_PEERS, sources=masters, targets=masters)
    workers = tuple(host.name for host in cluster.hosts if is_worker(cluster, host))
    network = specification(cluster)["network"]
    if network["provider"] == "kuberouter":
        yield Traffic(purpose="routes to pods", port=179, sources=workers, targets=workers)
    elif network["provider"] == "calico" and (network.get("calico") or {}).get("mode", "vxlan") == "vxlan":
        yield Traffic(purpose="packets of pods", port=4789, sources=workers, targets=workers, protocol="udp")
