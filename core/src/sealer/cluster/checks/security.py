"""What guards a host: firewall services and security modules."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.cluster.checks.answers import read_pairs
from sealer.cluster.checks.given import Given
from sealer.model import AnswerCheck, Cluster, Finding, Host, Probe, Severity

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


class Firewall(AnswerCheck):
    """A firewall service must let through what hosts of a cluster say to one another."""

    id = "firewall"
    title = "no firewall service filters"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = FIREWALLS

    def __init__(self, given: Given) -> None:
        self._traffic = given.traffic

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has one, with the ports that must be open there."""
        ports = sorted({way.port for way in self._traffic if host.name in way.targets})
        listed = ", ".join(map(str, ports)) or "of the cluster"
        for name in answer.split()[:-1]:
            yield self.finding(
                host.name,
                found=f"{name} is active",
                wanted=f"TCP ports {listed} open to the other hosts, and what the network of pods needs",
                mend=f"systemctl disable --now {name}, or open the ports there",
            )


class Forwarding(AnswerCheck):
    """Packets between pods of two hosts are forwarded, and rules made by others may drop them."""

    id = "forward-policy"
    title = "forwarded packets are not dropped"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = FORWARDING

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has such tables."""
        tables = [line.removeprefix("drop ") for line in answer.splitlines() if line.startswith("drop ")]
        if tables:
            yield self.finding(
                host.name,
                found=f"netfilter drops forwarded packets by default: table {', '.join(tables)}",
                wanted="the policy accept, or rules that let packets of pods and services through",
                mend="iptables -P FORWARD ACCEPT, or see that the network of pods brings such rules",
            )


class SELinux(AnswerCheck):
    """Policies that know nothing of containers stop them."""

    id = "selinux"
    title = "SELinux is not enforcing"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = SECURITY_MODULES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if it is."""
        said = read_pairs(answer)
        if said.get("selinux") == "1":
            yield self.finding(
                host.name,
                found="SELinux is enforcing",
                wanted="SELinux permissive, unless its policy knows containers",
                mend="setenforce 0, and SELINUX=permissive in /etc/selinux/config",
            )


class AppArmor(AnswerCheck):
    """Where AppArmor is on, container runtimes load a profile, and need its parser for that."""

    id = "apparmor"
    title = "AppArmor is off, or its parser is there"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = SECURITY_MODULES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has AppArmor without its parser."""
        said = read_pairs(answer)
        if said.get("apparmor") == "Y" and said.get("parser") == "none":
            yield self.finding(
                host.name,
                found="AppArmor is on, but there is no apparmor_parser",
                wanted="it, because container runtimes load a profile with it",
                mend="install the package apparmor, or boot with apparmor=0",
            )
