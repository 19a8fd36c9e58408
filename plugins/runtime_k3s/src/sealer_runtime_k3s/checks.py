"""Checks of k3s: what would fail later without a clear word."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Probe, Traffic
from sealer_runtime_k3s import probes
from sealer_runtime_k3s.config import networks, parse_networks
from sealer_runtime_k3s.names import API_PORT, node_name

_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KUBELET_PORT = 10250
_SERVER_PORTS = (API_PORT, 2379, 2380, 6444, _KUBELET_PORT)
_AGENT_PORTS = (6444, _KUBELET_PORT)
"""What k3s listens on (https://docs.k3s.io/installation/requirements#networking); 6444 is its balancer."""


class Unused(Check):
    """The host has no Kubernetes but that of this cluster."""

    id = "k3s-unused"
    title = "no other Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.STATE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            text = probes.answer(host, probes.STATE)
            if not text:
                yield self.not_checked(host.name, probes.NO_ANSWER)
            elif text != "none" and probes.owner(host) != cluster.name:
                owner = probes.owner(host)
                found = ", ".join(line.partition(" ")[2] for line in text.splitlines())
                yield self.finding(
                    host.name,
                    found=f"it belongs to the cluster {owner}" if owner else f"signs of Kubernetes: {found}",
                    wanted="a host without Kubernetes",
                    mend="delete that cluster first, or choose another host",
                )


class PortsFree(Check):
    """The ports of k3s are free."""

    id = "k3s-ports"
    title = "ports of k3s"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.PORTS, probes.STATE)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if probes.owner(host) == cluster.name:
                continue
            if not probes.answer(host, probes.PORTS):
                yield self.not_checked(host.name, probes.NO_ANSWER)
                continue
            wanted = _SERVER_PORTS if host.is_master else _AGENT_PORTS
            used = sorted(probes.listening_ports(host).intersection(wanted))
            if used:
                yield self.finding(
                    host.name,
                    found=f"ports in use: {', '.join(str(port) for port in used)}",
                    wanted="these ports free",
                    mend="find the programs with 'ss -ltnp' and stop them",
                )


class NodeNames(Check):
    """A host's name can be the name of a node."""

    id = "k3s-node-name"
    title = "names of nodes"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            name = node_name(host)
            if not _NODE_NAME.fullmatch(name):
                yield self.finding(
                    host.name,
                    found=f"host name {name!r}",
                    wanted="small letters, digits, '-' and '.', as node names have",
                    mend="hostnamectl set-hostname NAME",
                )


class NetworksApart(Check):
    """No address of a host lies in a network of pods or services."""

    id = "k3s-networks"
    title = "networks of pods and services"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        wanted = [network for text in networks(cluster) for network in parse_networks(text)]
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


def all_checks() -> tuple[Check, ...]:
    """Return a check of each kind."""
    return (Unused(), PortsFree(), NodeNames(), NetworksApart())


def traffic(cluster: Cluster) -> Iterable[Traffic]:
    """Return the connections between hosts; those of pods depend on the network that is chosen."""
    everyone = tuple(host.name for host in cluster.hosts)
    masters = tuple(host.name for host in cluster.masters)
    yield Traffic(purpose="API server", port=API_PORT, sources=everyone, targets=masters)
    yield Traffic(purpose="kubelet", port=_KUBELET_PORT, sources=masters, targets=everyone)
    yield Traffic(purpose="etcd for its clients", port=2379, sources=masters, targets=masters)
    yield Traffic(purpose="etcd for its peers", port=2380, sources=masters, targets=masters)
