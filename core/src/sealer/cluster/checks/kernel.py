"""The kernel: its version, control groups, netfilter and limits."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sealer.changes import Change, File, Module, Sysctl
from sealer.cluster.checks.answers import number, pairs
from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "kernel"

_OLDEST = (3, 10)
_OLDEST_WITH_CGROUP_V2 = (4, 15)
_CONTROLLERS = {
    1: ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids"),
    2: ("cpu", "cpuset", "memory", "pids"),
}
_INOTIFY = {"fs.inotify.max_user_instances": 128, "fs.inotify.max_user_watches": 65536}
_INOTIFY_MENDED = {"fs.inotify.max_user_instances": 8192, "fs.inotify.max_user_watches": 524288}
_LOOSE = 2
# A card that comes gets the value of "default"; what counts is the larger one of that and of "all".
_PATH_FILTERS = tuple(f"net.ipv4.conf.{scope}.rp_filter" for scope in ("all", "default"))
_NEIGHBOURS = tuple(
    f"net.ipv4.conf.{scope}.{name}" for name in ("arp_filter", "arp_ignore") for scope in ("all", "default")
)

CONTROLLERS = Probe(
    name="core/controllers",
    script="""\
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then cat /sys/fs/cgroup/cgroup.controllers
else awk '$1 !~ /^#/ && $4 == 1 { print $1 }' /proc/cgroups; fi""",
)
"""Prints the controllers of control groups that are on."""

NETFILTER = Probe(
    name="core/netfilter",
    script="""\
if nft list tables >/dev/null 2>&1; then echo nf_tables
elif [ -e /proc/net/ip_tables_names ]; then echo ip_tables
else
  for module in nf_tables ip_tables; do
    if [ -d "/sys/module/$module" ] || modprobe -nq "$module" 2>/dev/null; then echo "$module"; exit 0; fi
  done
  command -v modprobe >/dev/null && echo none
fi""",
)
"""Prints the kernel's side of netfilter that can be used, or ``none``; nothing is loaded for it."""

CONNTRACK = Probe(
    name="core/conntrack",
    script="""\
if [ -e /proc/sys/net/netfilter/nf_conntrack_max ] || [ -d /sys/module/nf_conntrack ]; then echo loaded
elif modprobe -nq nf_conntrack 2>/dev/null; then echo available
elif command -v modprobe >/dev/null; then echo absent; fi""",
)
"""Prints ``loaded`` (or built in), ``available`` or ``absent``."""

SETTINGS = Probe(
    name="core/sysctls",
    script="""\
for name in fs/inotify/max_user_instances fs/inotify/max_user_watches \\
  net/ipv4/conf/all/rp_filter net/ipv4/conf/default/rp_filter \\
  net/ipv4/conf/all/arp_filter net/ipv4/conf/default/arp_filter \\
  net/ipv4/conf/all/arp_ignore net/ipv4/conf/default/arp_ignore; do
  if value=$(cat "/proc/sys/$name" 2>/dev/null); then echo "$name $value"; fi
done | tr / .
echo end""",
)
"""Prints a line ``NAME VALUE`` for each setting that exists."""


class KernelVersion(Check):
    """Containers need what kernels have had for a while."""

    id = "kernel-version"
    title = "the kernel is new enough"
    subject = SUBJECT

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with an old kernel; with version 2 of control groups less is old."""
        for host in cluster.hosts:
            match = re.match(r"(\d+)\.(\d+)", host.facts.kernel)
            if match is None:
                yield self.not_checked(host.name, f"kernel {host.facts.kernel!r} has no version")
                continue
            oldest = _OLDEST_WITH_CGROUP_V2 if host.facts.cgroup_version == 2 else _OLDEST
            if (int(match[1]), int(match[2])) < oldest:
                yield self.finding(
                    host.name,
                    found=f"kernel {host.facts.kernel}",
                    wanted=f"{oldest[0]}.{oldest[1]} or newer"
                    + (", for version 2 of control groups" if host.facts.cgroup_version == 2 else ""),
                    mend="install a newer kernel",
                )


class Controllers(AnswerCheck):
    """Containers are limited and counted by controllers of control groups."""

    id = "cgroup-controllers"
    title = "the controllers of control groups are on"
    subject = SUBJECT
    probe = CONTROLLERS

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host lacks some."""
        version = host.facts.cgroup_version
        missing = [name for name in _CONTROLLERS.get(version, ()) if name not in answer.split()]
        if missing:
            options = " ".join(f"cgroup_enable={name}" for name in missing)
            yield self.finding(
                host.name,
                found=f"control groups of version {version} without {', '.join(missing)}",
                wanted="these controllers",
                mend=f"boot with {options}",
            )


class Netfilter(AnswerCheck):
    """Services of a cluster are rules of netfilter."""

    id = "netfilter"
    title = "netfilter can be used"
    subject = SUBJECT
    probe = NETFILTER

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host's kernel has neither nf_tables nor ip_tables."""
        if answer == "none":
            yield self.finding(
                host.name,
                found=f"kernel {host.facts.kernel} with neither nf_tables nor ip_tables",
                wanted="one of them, loaded, built in or loadable",
                mend="install the kernel's package of further modules",
            )


class ConnectionTracking(AnswerCheck):
    """Replies of services find their way back by connection tracking."""

    id = "connection-tracking"
    title = "connections can be tracked"
    subject = SUBJECT
    probe = CONNTRACK

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has no nf_conntrack; a module yet to be loaded is a warning."""
        if answer != "loaded":
            absent = answer == "absent"
            yield self.finding(
                host.name,
                found=f"kernel {host.facts.kernel} without nf_conntrack"
                if absent
                else "nf_conntrack is not loaded",
                wanted="nf_conntrack, so that the settings of connections can be written",
                mend="install the kernel's package of further modules" if absent else "modprobe nf_conntrack",
                severity=Severity.ERROR if absent else Severity.WARNING,
            )

    def mend(self, cluster: Cluster, finding: Finding) -> tuple[Change, ...]:
        """Return the changes that load it, now and at boot, if it can be loaded."""
        if finding.severity is Severity.ERROR:
            return ()
        content = "# Written by Sealer.\nnf_conntrack\n"
        path = "/etc/modules-load.d/sealer-conntrack.conf"
        return (Module(name="nf_conntrack"), File(path=path, content=content))


class Inotify(Check):
    """Every container's log is watched; too few watches show as strange failures much later."""

    id = "inotify"
    title = "files can be watched in numbers"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the limits."""
        return (SETTINGS,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with a low limit."""
        for host in cluster.hosts:
            said = pairs(host, SETTINGS) or {}
            limits = {name: number(said.get(name)) for name in _INOTIFY}
            if None in limits.values():
                yield self.not_checked(host.name)
                continue
            low = {name: value for name, value in limits.items() if (value or 0) < _INOTIFY[name]}
            if low:
                yield self.finding(
                    host.name,
                    found="; ".join(f"{name} is {value}" for name, value in low.items()),
                    wanted="at least " + ", ".join(str(_INOTIFY[name]) for name in low),
                    mend="; ".join(f"sysctl -w {name}={_INOTIFY_MENDED[name]}" for name in low),
                )

    def mend(self, cluster: Cluster, finding: Finding) -> tuple[Change, ...]:
        """Return the changes that raise the limits that are low, now and at boot."""
        raised = {
            name: str(value) for name, value in _INOTIFY_MENDED.items() if f"{name} is" in finding.found
        }
        return _settings("inotify", raised)


class ReversePathFilter(Check):
    """A strict filter drops what comes from pods by another way than packets to them take."""

    id = "reverse-path-filter"
    title = "the filter of reverse paths is not strict"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the setting."""
        return (SETTINGS,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with a strict filter on all cards, or on those that come."""
        for host in cluster.hosts:
            said = pairs(host, SETTINGS)
            if said is None or not set(_PATH_FILTERS) <= said.keys():
                yield self.not_checked(host.name)
                continue
            strict = [name for name in _PATH_FILTERS if said[name] == "1"]
            # A loose filter on all cards makes up for a strict one on a card.
            if strict and said[_PATH_FILTERS[0]] != str(_LOOSE):
                yield self.finding(
                    host.name,
                    found=f"{', '.join(f'{name} is 1' for name in strict)}: strict",
                    wanted="0 (none) or 2 (loose), as networks of pods need",
                    mend="; ".join(f"sysctl -w {name}={_LOOSE}" for name in strict),
                )

    def mend(self, cluster: Cluster, finding: Finding) -> tuple[Change, ...]:
        """Return the changes that make it loose, now and at boot."""
        strict = [name for name in _PATH_FILTERS if f"{name} is" in finding.found]
        return _settings("rp-filter", dict.fromkeys(strict, str(_LOOSE)))


class NeighbourReplies(Check):
    """Hosts find pods by asking for their addresses; filters leave such questions unanswered."""

    id = "arp-filter"
    title = "questions for addresses are answered on every card"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the settings."""
        return (SETTINGS,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host where some are not answered."""
        for host in cluster.hosts:
            said = pairs(host, SETTINGS)
            if said is None or not set(_NEIGHBOURS) <= said.keys():
                yield self.not_checked(host.name)
                continue
            filtered = [name for name in _NEIGHBOURS if said[name] != "0"]
            if filtered:
                yield self.finding(
                    host.name,
                    found=", ".join(f"{name} is {said[name]}" for name in filtered),
                    wanted="0, unless a load balancer on the host needs them",
                    mend="; ".join(f"sysctl -w {name}=0" for name in filtered),
                )


def _settings(name: str, values: dict[str, str]) -> tuple[Change, ...]:
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    path = f"/etc/sysctl.d/90-sealer-{name}.conf"
    sysctls = (Sysctl(name=key, value=value) for key, value in values.items())
    return (*sysctls, File(path=path, content=f"# Written by Sealer.\n{lines}"))
