"""What must hold on hosts that are to serve the container images."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host, Probe
from sealer_registry_distribution import fragments

STATE = Probe(name="registry/state", script=fragments.STATE)


class PortIsFree(Check):
    """Nothing but our registry listens on its port.

    Args:
        port: Which.
    """

    id = "registry-port"
    title = "port of the registry"

    def __init__(self, port: int) -> None:
        self._port = port

    def probes(self) -> tuple[Probe, ...]:
        return (STATE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.masters:
            yield from self._judge(cluster, host)

    def _judge(self, cluster: Cluster, host: Host) -> Iterable[Finding]:
        port = self._port
        state, _, rest = host.facts.answers.get(STATE.name, "").partition(" ")
        if not state:
            yield self.not_checked(host.name, "the host could not answer")
        elif state == "listening" and f"{port:04X}" in rest.split():
            yield self.finding(
                host.name,
                found=f"port {port} is in use",
                wanted=f"port {port} for the registry of the cluster",
                mend=f"find the program with 'ss -ltnp sport = :{port}' and stop it, "
                "or give the registry another one: spec.registry.localRegistry.port",
            )
        elif state == "ours" and (owner := rest) != cluster.name:
            yield self.finding(
                host.name,
                found=f"the registry of the cluster {owner}",
                wanted="a host that belongs to no other cluster",
                mend=f"delete the cluster {owner} first, or choose another host",
            )
