"""Disks: etcd waits for that of its master at each change, and the kubelet minds how full they are."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host, Probe, Severity
from sealer_runtime_k8s import fragments, probes

LATENCY = Probe(name="kubernetes/disk-latency", script=fragments.DISK_LATENCY_PROBE, writes=True)

_LONGEST = 0.010
"""Seconds that 99 of 100 writes may take (etcd's documentation, "Hardware recommendations: Disks")."""


_LEAST_SHARE = 0.15
"""Free of what there is, below which the kubelet removes images (KubeletConfiguration, evictionHard)."""


class DiskPressure(Check):
    """A kubelet that finds the disk too full removes images, which are nowhere else, and then pods."""

    id = "kubernetes-disk-pressure"
    title = "disks are not too full for the kubelet"
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        return (probes.SHARE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            words = probes.answer(host, probes.SHARE).split()
            if len(words) != 2 or not all(word.isdecimal() and len(word) < 19 for word in words):
                yield self.not_checked(host.name)
                continue
            total, free = map(int, words)
            if free < total * _LEAST_SHARE:
                yield self.finding(
                    host.name,
                    found=f"{free * 100 // max(total, 1)} % of the file system of /var/lib are free",
                    wanted=f"more than {_LEAST_SHARE:.0%}: with less the kubelet removes images, then pods",
                    mend="free space there, or set evictionHard in a KubeletConfiguration",
                )


class DiskLatency(Check):
    """Where synced writes are slow, etcd loses its leader, and the cluster stops for a while each time."""

    id = "kubernetes-disk-latency"
    title = "speed of the masters' disks"
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        return (probes.STATE,)

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the trial, for a master that is none yet: it writes for a moment where etcd will."""
        return (LATENCY,) if host.is_master and probes.owner(host) != cluster.name else ()

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.masters:
            if probes.owner(host) == cluster.name:
                continue
            try:
                seconds = float(probes.answer(host, LATENCY))
            except ValueError:
                yield self.not_checked(host.name, "no write could be timed: it takes dd of coreutils")
                continue
            if not seconds <= _LONGEST:
                yield self.finding(
                    host.name,
                    found=f"one synced write of 50 below /var/lib took {seconds * 1000:.0f} ms or more",
                    wanted=f"{_LONGEST * 1000:.0f} ms at most: etcd waits for the disk at each change",
                    mend="have /var/lib/etcd on an SSD of its own",
                )
