"""Swap: the kubelet refuses to start beside it, so it is turned off."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.changes import Change, Command
from sealer.model import AnswerCheck, Cluster, Finding, Host, Severity
from sealer_runtime_k8s import fragments, probes

_FSTAB = "/etc/fstab"


def swap_off() -> Change:
    """Return the change after which nothing is swapped to, now and after the next boot."""
    return Command(
        title="swap off",
        run=f"{fragments.SWAP_OFF}\n{fragments.take_swap_out(_FSTAB)}",
        unless=fragments.swap_is_off(_FSTAB),
        revert=f"{fragments.put_swap_back(_FSTAB)}\n{fragments.SWAP_ON}",
    )


class NoSwap(AnswerCheck):
    """Nothing is swapped to. An installation turns swap off by itself, and says so this way."""

    id = "kubernetes-swap"
    title = "no swap"
    severity = Severity.WARNING
    probe = probes.SWAP

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        if answer != "none":
            yield self.finding(
                host.name,
                found=f"swap is on: {', '.join(answer.split())}",
                wanted="no swap: it is turned off for as long as the cluster is there",
                mend="swapoff -a, and no swap in /etc/fstab",
            )

    def mend(self, cluster: Cluster, finding: Finding) -> tuple[Change, ...]:
        return (swap_off(),)
