"""Checks of the machine: programs, size, kernel and what guards it."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity
from sealer_runtime_k8s import probes

_OPTIONAL_PROGRAMS = frozenset({"ethtool", "socat", "modprobe"})
_MIB = 1 << 20
_LEAST_MASTER_MEMORY = 1700 * _MIB
"""What kubeadm's preflight asks of a control plane, from its constant ControlPlaneMem."""
_GOOD_MEMORY = 2000 * _MIB
_LEAST_MASTER_CPUS = 2


class ProgramsPresent(Check):
    """The programs that the kubelet, kube-proxy and kubeadm call are installed."""

    id = "kubernetes-programs"
    title = "programs of Kubernetes"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.MISSING,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if not probes.answer(host, probes.MISSING):
                yield self.not_checked(host.name)
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


class BridgeFilter(AnswerCheck):
    """Packets between pods on one bridge pass netfilter, as services need."""

    id = "kubernetes-bridge-filter"
    title = "netfilter on bridges"
    probe = probes.MODULES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        if probes.module_state(host, "br_netfilter") == probes.ABSENT:
            yield self.finding(
                host.name,
                found=f"kernel {host.facts.kernel} without br_netfilter",
                wanted="the module br_netfilter, loaded, built in or loadable",
                mend="install the kernel's package of further modules",
            )


def _missing(host: Host) -> list[str]:
    return [program for program in probes.answer(host, probes.MISSING).split() if program != "none"]
