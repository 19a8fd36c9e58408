"""What must hold on hosts that are to serve the container images."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Host, Probe
from sealer_registry_distribution import fragments

STATE = Probe(name="registry/state", script=fragments.STATE)


class PortsAreFree(Check):
    """Nothing but our registry and its caches listens on their ports.

    Args:
        ports: Which; that of the registry first.
    """

    id = "registry-port"
    title = "port of the registry"

    def __init__(self, ports: tuple[int, ...]) -> None:
        self._ports = ports

    def probes(self) -> tuple[Probe, ...]:
        return (STATE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.masters:
            yield from self._judge(cluster, host)

    def _judge(self, cluster: Cluster, host: Host) -> Iterable[Finding]:
        state, _, rest = host.facts.answers.get(STATE.name, "").partition(" ")
        if not state:
            yield self.not_checked(host.name, "the host could not answer")
        elif state == "listening":
            for port in self._ports:
                if f"{port:04X}" in rest.split():
                    yield self._taken(host, port)
        elif state == "ours" and (owner := rest) != cluster.name:
            yield self.finding(
                host.name,
                found=f"the registry of the cluster {owner}",
                wanted="a host that belongs to no other cluster",
                mend=f"delete the cluster {owner} first, or choose another host",
            )

    def _taken(self, host: Host, port: int) -> Finding:
        whose = "the registry" if port == self._ports[0] else "a cache of the registry"
        return self.finding(
            host.name,
            found=f"port {port} is in use",
            wanted=f"port {port} for {whose} of the cluster",
            mend=f"find the program with 'ss -ltnp sport = :{port}' and stop it, "
            "or give the registry another one: spec.registry.localRegistry.port; caches follow it",
        )
