"""Host checks of containerd: no other container runtime, and a kernel that has overlay."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.kubernetes import UnitRuns
from sealer.model import AnswerCheck, Cluster, Finding, Host, Probe
from sealer_container_containerd.config import UNIT
from sealer_container_containerd.fragments import OVERLAY_PROBE, STATE_PROBE

STATE = Probe(name="containerd/state", script=STATE_PROBE)
OVERLAY = Probe(name="containerd/overlay", script=OVERLAY_PROBE)


class NoOtherRuntime(AnswerCheck):
    """The host runs no container runtime but ours, of this cluster."""

    id = "containerd-alone"
    title = "no other container runtime"
    probe = STATE

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        for line in answer.splitlines():
            kind, _, what = line.partition(" ")
            if kind == "active":
                yield self.finding(
                    host.name,
                    found=f"{what} is running",
                    wanted="a host without a container runtime: the cluster image brings its own",
                    mend=f"systemctl disable --now {what}, if nothing else on the host needs it",
                )
            elif kind == "state":
                yield self.finding(
                    host.name,
                    found=f"{what} holds the containers of another containerd",
                    wanted="an unused directory",
                    mend=f"move {what} away",
                )
            elif kind == "ours" and what != cluster.name:
                yield self.finding(
                    host.name,
                    found=f"the containerd of the cluster {what}",
                    wanted="a host that belongs to no other cluster",
                    mend=f"delete the cluster {what} first, or choose another host",
                )


class HasOverlay(AnswerCheck):
    """The kernel has the overlay file system, on which containers are laid."""

    id = "containerd-overlay"
    title = "overlay file system"
    probe = OVERLAY

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        if answer == "no":
            yield self.finding(
                host.name,
                found=f"kernel {host.facts.kernel} without overlay",
                wanted="the overlay file system",
                mend="install the kernel's module package, or boot a kernel that has overlay",
            )


class Runs(UnitRuns):
    """containerd runs."""

    id = "containerd-runs"
    title = "containerd runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        return UNIT
