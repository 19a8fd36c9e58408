"""What guards a host: firewall services and security modules."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.cluster.checks.answers import NO_ANSWER, answer, pairs
from sealer.cluster.checks.given import Given
from sealer.model import Check, Cluster, Finding, Probe, Severity

SUBJECT = "security"

# The unit of ufw is active whether or not the firewall is on.
FIREWALLS = Probe(
    name="core/firewalls",
    script="""\
if systemctl is-active -q firewalld 2>/dev/null; then echo firewalld; fi
if systemctl is-active -q ufw 2>/dev/null && grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf; then echo ufw; fi
echo end""",
)
"""Prints the firewall services that filter, and ``end``."""

# Listed by iptables, tables might be made that were not there; so it is asked for those that are.
FORWARDING = Probe(
    name="core/forwarding",
    script="""\
if chains=$(nft list chains 2>/dev/null); then
  printf '%s\\n' "$chains" |
    awk '$1 == "table" { table = $2 " " $3 } / hook forward / && /policy drop/ { print "drop " table }'
fi
if grep -qsx filter /proc/net/ip_tables_names; then
  for tool in iptables-legacy iptables; do
    if command -v $tool >/dev/null; then
      $tool -S FORWARD | sed -n 's/^-P FORWARD DROP$/drop legacy filter/p'
      break
    fi
  done
fi
echo end""",
)
"""Prints ``drop FAMILY TABLE`` for each table that drops what is forwarded by default, and ``end``."""

SECURITY_MODULES = Probe(
    name="core/security-modules",
    script="""\
echo "selinux $(cat /sys/fs/selinux/enforce 2>/dev/null || echo off)"
echo "apparmor $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null || echo N)"
echo "parser $(command -v apparmor_parser || echo none)\"""",
)
"""Prints ``selinux 0|1|off``, ``apparmor Y|N`` and ``parser PATH|none``."""


class Firewall(Check):
    """A firewall service must let through what hosts of a cluster say to one another."""

    id = "firewall"
    title = "no firewall service filters"
    subject = SUBJECT
    severity = Severity.WARNING

    def __init__(self, given: Given) -> None:
        self._traffic = given.traffic

    def probes(self) -> tuple[Probe, ...]:
        """Return the question which firewall services filter."""
        return (FIREWALLS,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with one, with the ports that must be open there."""
        for host in cluster.hosts:
            said = answer(host, FIREWALLS)
            if said is None:
                yield self.not_checked(host.name, NO_ANSWER)
                continue
            ports = sorted({way.port for way in self._traffic if host.name in way.targets})
            listed = ", ".join(map(str, ports)) or "of the cluster"
            for name in said.split()[:-1]:
                yield self.finding(
                    host.name,
                    found=f"{name} is active",
                    wanted=f"TCP ports {listed} open to the other hosts, and what the network of pods needs",
                    mend=f"systemctl disable --now {name}, or open the ports there",
                )


class Forwarding(Check):
    """Packets between pods of two hosts are forwarded, and rules made by others may drop them."""

    id = "forward-policy"
    title = "forwarded packets are not dropped"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question which tables drop them."""
        return (FORWARDING,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with such tables."""
        for host in cluster.hosts:
            said = answer(host, FORWARDING)
            if said is None:
                yield self.not_checked(host.name, NO_ANSWER)
                continue
            tables = [line.removeprefix("drop ") for line in said.splitlines() if line.startswith("drop ")]
            if tables:
                yield self.finding(
                    host.name,
                    found=f"netfilter drops forwarded packets by default: table {', '.join(tables)}",
                    wanted="the policy accept, or rules that let packets of pods and services through",
                    mend="iptables -P FORWARD ACCEPT, or see that the network of pods brings such rules",
                )


class SELinux(Check):
    """Policies that know nothing of containers stop them."""

    id = "selinux"
    title = "SELinux is not enforcing"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the security modules."""
        return (SECURITY_MODULES,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host where it is."""
        for host in cluster.hosts:
            said = pairs(host, SECURITY_MODULES)
            if said is None:
                yield self.not_checked(host.name, NO_ANSWER)
            elif said.get("selinux") == "1":
                yield self.finding(
                    host.name,
                    found="SELinux is enforcing",
                    wanted="SELinux permissive, unless its policy knows containers",
                    mend="setenforce 0, and SELINUX=permissive in /etc/selinux/config",
                )


class AppArmor(Check):
    """Where AppArmor is on, container runtimes load a profile, and need its parser for that."""

    id = "apparmor"
    title = "AppArmor is off, or its parser is there"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the security modules."""
        return (SECURITY_MODULES,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with AppArmor and without its parser."""
        for host in cluster.hosts:
            said = pairs(host, SECURITY_MODULES)
            if said is None:
                yield self.not_checked(host.name, NO_ANSWER)
            elif said.get("apparmor") == "Y" and said.get("parser") == "none":
                yield self.finding(
                    host.name,
                    found="AppArmor is on, but there is no apparmor_parser",
                    wanted="it, because container runtimes load a profile with it",
                    mend="install the package apparmor, or boot with apparmor=0",
                )
