"""Networks of pods and services keep apart from those of hosts, and from what other networks of pods left."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity
from sealer_runtime_k8s import probes
from sealer_runtime_k8s.kubeadm import networks
from sealer_runtime_k8s.networks import Network, Networks

_ELSEWHERE = "set PodCIDR and SvcCIDR in the environment to others"


class NetworksApart(Check):
    """No address and no route of a host lies in a network of pods or services."""

    id = "kubernetes-networks"
    title = "networks of pods and services"

    def probes(self) -> tuple[Probe, ...]:
        return (probes.NETWORKS, probes.STATE)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        wanted = networks(cluster)
        for host in cluster.hosts:
            network = _holding(wanted, host.address)
            if network is not None:
                yield self.finding(
                    host.name,
                    found=f"its address {host.address} lies in {network}, a network of pods or services",
                    wanted="networks apart from those of the hosts",
                    mend=_ELSEWHERE,
                )
            elif not probes.answer(host, probes.NETWORKS):
                yield self.not_checked(host.name)
            elif probes.owner(host) != cluster.name:
                yield from self._overlaps(host, wanted)

    def _overlaps(self, host: Host, wanted: Networks) -> Iterator[Finding]:
        """Yield a finding for each overlap: a route that takes much more than the network is a warning."""
        for kind, own in _known(host):
            for network in (*wanted.pods, *wanted.services):
                if own.version == network.version and own.overlaps(network):
                    wider = own.prefixlen < network.prefixlen
                    yield self.finding(
                        host.name,
                        found=f"its {kind} {own} overlaps {network}, a network of pods or services",
                        wanted="networks apart from all that hosts have a way to",
                        mend=_ELSEWHERE,
                        severity=Severity.WARNING if wider else None,
                    )


class NoNetworkLeftovers(AnswerCheck):
    """No network of pods has left settings, which container runtimes would take, or network cards."""

    id = "kubernetes-network-leftovers"
    title = "no other network of pods"
    probe = probes.NETWORK_LEFTOVERS

    def probes(self) -> tuple[Probe, ...]:
        return (*super().probes(), probes.STATE)

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        if answer != "none" and probes.owner(host) != cluster.name:
            left = [line.partition(" ")[2] or line for line in answer.splitlines()]
            yield self.finding(
                host.name,
                found=f"left by another network of pods: {', '.join(left)}",
                wanted="a host without one",
                mend="remove these files, and the cards with: ip link delete NAME",
            )


def _holding(wanted: Networks, address: str) -> Network | None:
    """Return the network that holds an address; a name is in none."""
    try:
        return wanted.holding(address)
    except ValueError:
        return None


def _known(host: Host) -> Iterator[tuple[str, Network]]:
    """Yield the addresses and routes of a host but those that every host has for itself."""
    for line in probes.answer(host, probes.NETWORKS).splitlines():
        kind, _, text = line.partition(" ")
        own = text.partition("/")[0] if kind == "address" else text
        try:
            network = ipaddress.ip_network(own.strip(), strict=False)
        except ValueError:
            continue
        if not (network.is_link_local or network.is_multicast):
            yield kind, network
