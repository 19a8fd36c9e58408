"""Host checks of Kubernetes: what kubeadm would refuse, or what would fail later without a clear word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host, Probe, Severity
from sealer_runtime_k8s import probes
from sealer_runtime_k8s.kubeadm import networks
from sealer_runtime_k8s.names import API_DOMAIN, node_name

_MASTER_PORTS = (6443, 2379, 2380, 10250, 10257, 10259)
_NODE_PORTS = (10250,)
_OPTIONAL_PROGRAMS = frozenset({"ethtool", "socat", "modprobe"})
_MIB = 1 << 20
_LEAST_MASTER_MEMORY = 1700 * _MIB
"""What kubeadm's preflight asks of a control plane, from its constant ControlPlaneMem."""
_GOOD_MEMORY = 2000 * _MIB
_LEAST_MASTER_CPUS = 2
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class Unused(Check):
    """The host has no Kubernetes but that of this cluster."""

    id = "kubernetes-unused"
    title = "no other Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.STATE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            owner = probes.owner(host)
            if owner and owner != cluster.name:
                yield self.finding(
                    host.name,
                    found=f"it belongs to the cluster {owner}",
                    wanted="a host that belongs to no other cluster",
                    mend=f"delete the cluster {owner} first, or choose another host",
                )
            lines = [line.split() for line in probes.answer(host, probes.STATE).splitlines()]
            if any(words[0] == "kubelet" for words in lines):
                yield self.finding(
                    host.name,
                    found="a kubelet is running",
                    wanted="a host without Kubernetes",
                    mend="kubeadm reset && systemctl disable --now kubelet",
                )
            left = [words[1] for words in lines if words[0] == "left"]
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
            wanted = _MASTER_PORTS if host.is_master else _NODE_PORTS
            used = sorted(probes.listening_ports(host).intersection(wanted))
            if used:
                yield self.finding(
                    host.name,
                    found=f"ports in use: {', '.join(str(port) for port in used)}",
                    wanted="these ports free",
                    mend="find the programs with 'ss -ltnp' and stop them",
                )


class ProgramsPresent(Check):
    """The programs that the kubelet, kube-proxy and kubeadm call are installed."""

    id = "kubernetes-programs"
    title = "programs of Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.MISSING,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            missing = [p for p in _missing(host) if p not in _OPTIONAL_PROGRAMS]
            if missing:
                yield self.finding(
                    host.name,
                    found=f"missing programs: {', '.join(missing)}",
                    wanted="all of them",
                    mend="install them with the system's package manager",
                )


class OptionalProgramsPresent(Check):
    """The programs that some functions of Kubernetes want are installed."""

    id = "kubernetes-optional-programs"
    title = "further programs of Kubernetes"
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        return (probes.MISSING,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            missing = [p for p in _missing(host) if p in _OPTIONAL_PROGRAMS]
            if missing:
                yield self.finding(
                    host.name,
                    found=f"missing programs: {', '.join(missing)}",
                    wanted="them too: port forwarding and some network plugins call them",
                    mend="install them with the system's package manager",
                )


class MasterSize(Check):
    """A master has the processors and the memory below which kubeadm refuses it."""

    id = "kubernetes-master-size"
    title = "size of masters"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.masters:
            if host.facts.cpus < _LEAST_MASTER_CPUS:
                yield self.finding(
                    host.name,
                    found=f"{host.facts.cpus} processor",
                    wanted=f"{_LEAST_MASTER_CPUS} for a master",
                    mend="give the machine more processors",
                )
            if host.facts.memory < _LEAST_MASTER_MEMORY:
                yield self.finding(
                    host.name,
                    found=f"{host.facts.memory // _MIB} MiB of memory",
                    wanted=f"{_LEAST_MASTER_MEMORY // _MIB} MiB for a master",
                    mend="give the machine more memory",
                )


class Memory(Check):
    """There is memory left for pods."""

    id = "kubernetes-memory"
    title = "memory"
    severity = Severity.WARNING

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            least = _LEAST_MASTER_MEMORY if host.is_master else 0
            if least <= host.facts.memory < _GOOD_MEMORY:
                yield self.finding(
                    host.name,
                    found=f"{host.facts.memory // _MIB} MiB of memory",
                    wanted=f"{_GOOD_MEMORY // _MIB} MiB, so that something is left for pods",
                    mend="give the machine more memory",
                )


class BridgeFilter(Check):
    """Packets between pods on one bridge pass netfilter, as services need."""

    id = "kubernetes-bridge-filter"
    title = "netfilter on bridges"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.MODULES,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if probes.module_state(host, "br_netfilter") == probes.ABSENT:
                yield self.finding(
                    host.name,
                    found=f"kernel {host.facts.kernel} without br_netfilter",
                    wanted="the module br_netfilter, loaded, built in or loadable",
                    mend="install the kernel's package of further modules",
                )


class Firewall(Check):
    """No firewall service rules between the hosts."""

    id = "kubernetes-firewall"
    title = "firewall services"
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        return (probes.FIREWALLS,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            for name in probes.answer(host, probes.FIREWALLS).split():
                yield self.finding(
                    host.name,
                    found=f"{name} is active",
                    wanted="no firewall between the hosts of the cluster",
                    mend=f"systemctl disable --now {name}, or open the ports of Kubernetes and of pods",
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


class NetworksApart(Check):
    """No host's address lies in a network of pods or services."""

    id = "kubernetes-networks"
    title = "networks of pods and services"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        wanted = networks(cluster)
        for host in cluster.hosts:
            network = wanted.holding(host.address)
            if network is not None:
                yield self.finding(
                    host.name,
                    found=f"its address {host.address} lies in {network}, a network of pods or services",
                    wanted="networks apart from those of the hosts",
                    mend="set PodCIDR and SvcCIDR in the environment to others",
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
        Firewall(),
        NodeNames(),
        NetworksApart(),
        OneEndpoint(),
    )


def _missing(host: Host) -> list[str]:
    return probes.answer(host, probes.MISSING).split()
