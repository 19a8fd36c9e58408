"""Core's own host checks: what any cluster needs, whatever its distribution."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sealer.changes import quote
from sealer.errors import ChecksFailed
from sealer.model import Check, Cluster, Finding, Host, Platform, Probe, Severity

LARGEST_CLOCK_SKEW = 30.0
"""Seconds a clock may be away from the median of all clocks: certificates and tokens begin to fail beyond."""

UNPACKED_RATIO = 4
"""Free disk wanted, as a multiple of the compressed layers: they are sent, unpacked, and run from there."""

PROGRAMS = ("tar", "gzip", "sha256sum", "od", "awk", "find", "stat", "cmp", "comm", "systemctl")


def core_checks(
    platforms: Mapping[str, Platform], sizes: Mapping[str, int], data_root: str
) -> tuple[Check, ...]:
    """Return core's checks.

    Args:
        platforms: The platform of the image chosen for each host.
        sizes: How many bytes of layers will be sent to each host.
        data_root: The directory on hosts that holds the data of all clusters.
    """
    return (
        UniqueNames(),
        UniqueMachines(),
        ClockSkew(),
        InitSystem(),
        Programs(),
        Architecture(platforms),
        DiskSpace(sizes),
        OtherClusters(data_root),
    )


class UniqueNames(Check):
    """Host names tell nodes apart in the API, so no two may be equal."""

    id = "host-name-unique"
    title = "host names are unique"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose name another one has too."""
        for name, hosts in _shared(cluster.hosts, lambda host: host.facts.hostname):
            for host in hosts:
                others = ", ".join(other.name for other in hosts if other is not host)
                yield self.finding(
                    host.name,
                    found=f"its host name {name} is also that of {others}",
                    wanted="a host name of its own",
                    mend="hostnamectl set-hostname NAME",
                )


class UniqueMachines(Check):
    """Machine ids identify nodes to network plugins and monitoring; clones often share one."""

    id = "machine-id-unique"
    title = "machine ids are unique"
    severity = Severity.WARNING

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose machine id another one has too."""
        known = [host for host in cluster.hosts if host.facts.machine_id]
        for _, hosts in _shared(known, lambda host: host.facts.machine_id):
            for host in hosts:
                others = ", ".join(other.name for other in hosts if other is not host)
                yield self.finding(
                    host.name,
                    found=f"its machine id is also that of {others}: one was cloned from the other",
                    wanted="a machine id of its own",
                    mend="rm /etc/machine-id && systemd-machine-id-setup",
                )


class ClockSkew(Check):
    """Certificates and tokens are only valid where the clock agrees."""

    id = "clock-skew"
    title = "clocks agree"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose clock is far from the median of all."""
        median = statistics.median(host.facts.clock_offset for host in cluster.hosts)
        for host in cluster.hosts:
            skew = host.facts.clock_offset - median
            if abs(skew) > LARGEST_CLOCK_SKEW:
                yield self.finding(
                    host.name,
                    found=f"its clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}",
                    wanted=f"at most {LARGEST_CLOCK_SKEW:.0f} s away from the median of all hosts",
                    mend="set the clock, for example with a time service such as chrony",
                )


class InitSystem(Check):
    """Services are units of systemd."""

    id = "init-system"
    title = "systemd is the init system"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with another init system."""
        for host in cluster.hosts:
            if host.facts.init != "systemd":
                yield self.finding(
                    host.name,
                    found=f"its init system is {host.facts.init}",
                    wanted="systemd",
                    mend="use a distribution with systemd",
                )


class Programs(Check):
    """Changes are made with a few standard programs."""

    id = "host-programs"
    title = "standard programs are there"

    def probes(self) -> tuple[Probe, ...]:
        """Return the question which of the programs are missing."""
        names = " ".join(PROGRAMS)
        return (
            Probe(
                name="core/missing-programs",
                script=f"for p in {names}; do command -v $p >/dev/null || echo $p; done",
            ),
        )

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host that lacks some."""
        for host in cluster.hosts:
            missing = host.facts.answers.get("core/missing-programs", "").split()
            if missing:
                yield self.finding(
                    host.name,
                    found=f"missing programs: {', '.join(missing)}",
                    wanted="all of them",
                    mend="install them with the system's package manager",
                )


class Architecture(Check):
    """The image's programs must be for the host's processor."""

    id = "architecture"
    title = "the image fits the architecture"

    def __init__(self, platforms: Mapping[str, Platform]) -> None:
        self._platforms = platforms

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose image is for another platform."""
        for host in cluster.hosts:
            image, own = self._platforms[host.name], host.facts.platform
            if (image.os, image.architecture) != (own.os, own.architecture):
                yield self.finding(
                    host.name,
                    found=f"it is {own}, the image {image}",
                    wanted="an image for the host's platform",
                    mend=f"build or pull {cluster.image.reference} for {own}",
                )


class DiskSpace(Check):
    """Layers are sent, unpacked and run from the data root."""

    id = "disk-space"
    title = "there is room for the image"

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with too little free space."""
        for host in cluster.hosts:
            wanted = self._sizes[host.name] * UNPACKED_RATIO
            if host.facts.disk_free < wanted:
                yield self.finding(
                    host.name,
                    found=f"{host.facts.disk_free / 1e9:.1f} GB free at {cluster.data_root}",
                    wanted=f"{wanted / 1e9:.1f} GB for this image",
                    mend=f"free space, or choose another place for {cluster.data_root} (spec.dataRoot)",
                )


class OtherClusters(Check):
    """A host belongs to one cluster at a time."""

    id = "other-cluster"
    title = "the host is in no other cluster"

    def __init__(self, data_root: str) -> None:
        self._data_root = data_root

    def probes(self) -> tuple[Probe, ...]:
        """Return the question which clusters have left their data on the host."""
        script = f"for d in {quote(self._data_root)}/*/journal; do echo $d; done"
        return (Probe(name="core/clusters", script=script),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with data of a cluster that this operation does not know."""
        for host in cluster.hosts:
            for path in host.facts.answers.get("core/clusters", "").splitlines():
                name = path.split("/")[-2]
                if name == "*":
                    continue
                yield self.finding(
                    host.name,
                    found=f"it belongs to cluster {name}",
                    wanted="a host without a cluster",
                    mend=f"sealer delete --all {name}",
                )


def judge(cluster: Cluster, checks: Sequence[Check]) -> tuple[Finding, ...]:
    """Return what all checks find, warnings included; errors first."""
    findings = [finding for check in checks for finding in check.evaluate(cluster)]
    return tuple(sorted(findings, key=lambda finding: finding.severity != Severity.ERROR))


def refuse(findings: Sequence[Finding]) -> None:
    """Raise what was found, if any of it is an error.

    Raises:
        ChecksFailed: With one line for each finding.
    """
    errors = [finding for finding in findings if finding.severity == Severity.ERROR]
    if not errors:
        return
    lines = [describe_finding(finding) for finding in errors]
    count = f"{len(errors)} host check{'s' * (len(errors) > 1)} failed; nothing was changed"
    raise ChecksFailed("\n  ".join([count, *lines]), hint="mend these and run the same command again")


def describe_finding(finding: Finding) -> str:
    """Return one line about a finding."""
    return f"{finding.host}: {finding.found}; wanted: {finding.wanted} [{finding.check}: {finding.mend}]"


def _shared(hosts: Sequence[Host], key: Callable[[Host], str]) -> Iterator[tuple[str, tuple[Host, ...]]]:
    """Yield each value of ``key`` that several hosts have, with those hosts."""
    groups: dict[str, list[Host]] = defaultdict(list)
    for host in hosts:
        groups[key(host)].append(host)
    for value, members in groups.items():
        if len(members) > 1:
            yield value, tuple(members)
