"""Checks of Kubernetes: what kubeadm would refuse, or what would fail later without a clear word."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.kubernetes import NodeNames, PortsFree, UnitRuns
from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity
from sealer_runtime_k8s import probes
from sealer_runtime_k8s.apartness import NetworksApart, NoNetworkLeftovers
from sealer_runtime_k8s.balancer import has_balancer, is_balanced
from sealer_runtime_k8s.control_groups import ControlGroups
from sealer_runtime_k8s.disk import DiskLatency, DiskPressure
from sealer_runtime_k8s.kubeadm import is_own_endpoint
from sealer_runtime_k8s.machine import (
    BridgeFilter,
    MasterSize,
    Memory,
    OptionalProgramsPresent,
    ProgramsPresent,
)
from sealer_runtime_k8s.names import API_PORT, KUBELET_UNIT, node_name
from sealer_runtime_k8s.swap import NoSwap
from sealer_runtime_k8s.traffic import MASTER_PORTS, NODE_PORTS


class Unused(AnswerCheck):
    """The host has no Kubernetes but that of this cluster."""

    id = "kubernetes-unused"
    title = "no other Kubernetes"
    probe = probes.STATE

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        owner = probes.owner(host)
        if owner and owner != cluster.name:
            yield self.finding(
                host.name,
                found=f"it belongs to the cluster {owner}",
                wanted="a host that belongs to no other cluster",
                mend=f"delete the cluster {owner} first, or choose another host",
            )
        lines = [line.split() for line in answer.splitlines()]
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


class FreePorts(PortsFree):
    """The ports of the control plane and the kubelet are free."""

    id = "kubernetes-ports"
    title = "ports of Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (*super().probes(), probes.STATE)

    def ports(self, cluster: Cluster, host: Host) -> tuple[int, ...]:
        wanted = MASTER_PORTS if host.is_master else NODE_PORTS
        return (*wanted, API_PORT) if is_balanced(cluster, host) else wanted

    def is_member(self, cluster: Cluster, host: Host) -> bool:
        return probes.owner(host) == cluster.name


class Names(NodeNames):
    """A host's name, or its address if the user wants that, can be the name of a node."""

    id = "kubernetes-node-name"

    def node_name(self, cluster: Cluster, host: Host) -> str:
        return node_name(cluster, host)


class KubeletRuns(UnitRuns):
    """The kubelet runs."""

    id = "kubernetes-kubelet"
    title = "the kubelet runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        return KUBELET_UNIT


class OddMasters(Check):
    """The number of masters is odd: etcd needs more than half of its members, so one more adds nothing."""

    id = "kubernetes-quorum"
    title = "number of masters"
    severity = Severity.WARNING

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        count = len(cluster.masters)
        if count % 2 == 0:
            bears = count // 2 - 1
            yield self.finding(
                cluster.first_master.name,
                found=f"{count} masters, which bear the loss of {bears}, like {count - 1}",
                wanted="an odd number of masters: 1, 3 or 5",
                mend="add a master, or leave one away",
            )


class Balanced(Check):
    """Where there are several masters, nodes have a balancer of their own in front of them."""

    id = "kubernetes-balancer"
    title = "way to the API"
    severity = Severity.WARNING

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        if has_balancer(cluster.image) or len(cluster.masters) == 1 or not is_own_endpoint(cluster):
            return
        for host in cluster.nodes:
            yield self.finding(
                host.name,
                found=f"image {cluster.image.reference} brings no balancer",
                wanted="bin/etcd in the image: without it a connection waits for a master that is down",
                mend="build the base image with sealer base build kubernetes, which adds it",
            )


def all_checks() -> tuple[Check, ...]:
    """Return a check of each kind."""
    return (
        Unused(),
        FreePorts(),
        ProgramsPresent(),
        OptionalProgramsPresent(),
        MasterSize(),
        Memory(),
        BridgeFilter(),
        ControlGroups(),
        Names(),
        NetworksApart(),
        NoNetworkLeftovers(),
        NoSwap(),
        DiskLatency(),
        DiskPressure(),
        OddMasters(),
        Balanced(),
    )
