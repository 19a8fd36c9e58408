"""Names: what a host's resolver is told to ask, and what it is told in turn."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.cluster.checks.answers import answer
from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "names"

RESOLVER = Probe(
    name="core/resolver",
    script="""\
sed -n 's/^[[:space:]]*nameserver[[:space:]]*/nameserver /p' /etc/resolv.conf
sed -n 's/^[[:space:]]*nameserver[[:space:]]*/upstream /p' /run/systemd/resolve/resolv.conf 2>/dev/null
echo end""",
)
"""Prints ``nameserver ADDRESS`` lines, ``upstream ADDRESS`` lines of systemd-resolved, and ``end``."""

WILDCARD = Probe(
    name="core/wildcard",
    script="""\
domain=$(awk '$1 == "search" || $1 == "domain" { found = $2 } END { print found }' /etc/resolv.conf)
if [ -z "$domain" ] || [ "$domain" = . ]; then echo "none"; exit 0; fi
name=sealer-$(cut -c 1-8 /proc/sys/kernel/random/uuid).$domain
timeout 3 getent hosts "$name" >/dev/null
case $? in 0) echo "wildcard $domain" ;; 2) echo "plain $domain" ;; *) exit 1 ;; esac""",
)
"""Prints ``none`` (no search domain), ``plain DOMAIN``, or ``wildcard DOMAIN`` if any name there resolves."""


def _servers(text: str, kind: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines() if line.startswith(f"{kind} ") and line.split()[1:]]


def _is_local(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


class NameServers(AnswerCheck):
    """Names outside the cluster are looked up at the host's name servers."""

    id = "name-servers"
    title = "there is a name server"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = RESOLVER

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has none."""
        if not _servers(answer, "nameserver"):
            yield self.finding(
                host.name,
                found="no name server in /etc/resolv.conf",
                wanted="one, unless nothing outside the cluster has to be found",
                mend="add a nameserver line; a site without a network may do without",
            )


class LocalResolver(AnswerCheck):
    """The cluster's DNS asks the host's servers: a loopback address there is its own, and it asks itself."""

    id = "local-resolver"
    title = "name servers are not on the loopback"
    subject = SUBJECT
    probe = RESOLVER

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has one, unless systemd-resolved says what is behind it."""
        local = [server for server in _servers(answer, "nameserver") if _is_local(server)]
        known = [server for server in _servers(answer, "upstream") if not _is_local(server)]
        if local and not known:
            yield self.finding(
                host.name,
                found=f"the name server in /etc/resolv.conf is {', '.join(local)}",
                wanted="the address of a server that pods can reach: DNS of the cluster would ask itself",
                mend="name the servers behind it in /etc/resolv.conf",
            )


class WildcardDomain(Check):
    """Names of services are tried with the search domain first, and a wildcard there answers all of them."""

    id = "wildcard-dns"
    title = "the search domain does not answer to any name"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question whether a name that nobody gave resolves."""
        return (WILDCARD,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose search domain has a wildcard."""
        for host in cluster.hosts:
            said = answer(host, WILDCARD)
            if said is None:
                yield self.not_checked(host.name, "the name servers did not answer in time")
            elif said.startswith("wildcard "):
                yield self.finding(
                    host.name,
                    found=f"any name below the search domain {said.split()[1]} resolves",
                    wanted="a search domain without a wildcard: it would answer for services of the cluster",
                    mend="remove the search line from /etc/resolv.conf, or the wildcard from the domain",
                )
