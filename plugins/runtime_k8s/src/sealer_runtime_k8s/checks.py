"""Checks of Kubernetes: what kubeadm would refuse, or what would fail later without a clear word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Probe, Severity
from sealer_runtime_k8s import probes
from sealer_runtime_k8s.apartness import NetworksApart, NoNetworkLeftovers
from sealer_runtime_k8s.machine import (
    BridgeFilter,
    ControlGroups,
    MasterSize,
    Memory,
    OptionalProgramsPresent,
    ProgramsPresent,
)
from sealer_runtime_k8s.names import API_DOMAIN, node_name
from sealer_runtime_k8s.swap import NoSwap
from sealer_runtime_k8s.traffic import MASTER_PORTS, NODE_PORTS

_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class Unused(Check):
    """The host has no Kubernetes but that of this cluster."""

    id = "kubernetes-unused"
    title = "no other Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.STATE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if not probes.answer(host, probes.STATE):
                yield self.not_checked(host.name, probes.NO_ANSWER)
                continue
            owner = probes.owner(host)
            if owner and owner != cluster.name:
                yield self.finding(
                    host.name,
                    found=f"it belongs to the cluster {owner}",
                    wanted="a host that belongs to no other cluster",
                    mend=f"delete the cluster {owner} first, or choose another host",
                )
            lines = [line.split() for line in probes.answer(host, probes.STATE).splitlines()]
            if ["kubelet", "runs"] in lines:
                yield self.finding(
                    host.name,
                    found="a kubelet is running",
                    wanted="a host without Kubernetes",
                    mend="kubeadm reset && systemctl disable --now kubelet",
                )
            left = [words[1] for words in lines if len(words) == 2 and words[0] == "left"]
            if left:
                yield self.finding(
                    host.name,
                    found=f"files of another Kubernetes: {', '.join(left)}",
                    wanted="a host without Kubernetes",
                    mend="kubeadm reset, and remove these files",
                )


class PortsFree(Check):
    """The ports of the control plane and the kubelet are free."""

    id = "kubernetes-ports"
    title = "ports of Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.PORTS, probes.STATE)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if probes.owner(host) == cluster.name:
                continue
            if not probes.answer(host, probes.PORTS):
                yield self.not_checked(host.name, probes.NO_ANSWER)
                continue
            wanted = MASTER_PORTS if host.is_master else NODE_PORTS
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

    id = "kubernetes-node-name"
    title = "names of nodes"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            name = node_name(cluster, host)
            if not _NODE_NAME.fullmatch(name):
                yield self.finding(
                    host.name,
                    found=f"host name {name!r}",
                    wanted="small letters, digits, '-' and '.', as node names have",
                    mend="hostnamectl set-hostname NAME",
                )


class OneEndpoint(Check):
    """Several masters share the load of the API, but its name leads to the first of them."""

    id = "kubernetes-endpoint"
    title = "endpoint of the API"
    severity = Severity.WARNING

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        if len(cluster.masters) > 1:
            first = cluster.first_master
            yield self.finding(
                first.name,
                found=f"{API_DOMAIN} is this host on all hosts",
                wanted="an address that outlives any one master",
                mend="none in this release: when this host is down, the others can't be reached by that name",
            )


def all_checks() -> tuple[Check, ...]:
    """Return a check of each kind."""
    return (
        Unused(),
        PortsFree(),
        ProgramsPresent(),
        OptionalProgramsPresent(),
        MasterSize(),
        Memory(),
        BridgeFilter(),
        ControlGroups(),
        NodeNames(),
        NetworksApart(),
        NoNetworkLeftovers(),
        NoSwap(),
        OneEndpoint(),
    )
