"""Taking hosts out of a cluster: their pods move away, then the API server forgets them."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import Command
from sealer.kubernetes import drain_command, forget_command, is_forgotten, require_quorum, speaker
from sealer.model import Cluster, Departure, Host, Step, at
from sealer_runtime_k3s.names import KUBECTL, node_name


def removal_steps(cluster: Cluster, departure: Departure) -> Iterator[Step]:
    """Yield the steps after which the cluster does without some hosts: masters one after the other.

    A server whose node is deleted is taken out of etcd by k3s itself.

    Raises:
        PlanError: etcd would lose its quorum, or nobody could do it.
    """
    agent = speaker(cluster, departure)
    masters = sorted(
        (host for host in departure.hosts if host.is_master), key=lambda host: host.name not in departure.lost
    )
    if masters:
        require_quorum(cluster, departure)
    before: tuple[str, ...] = ()
    for master in masters:
        yield _remove_step(departure, master, agent, before)
        before = (at("removed", master.name),)
    for host in departure.hosts:
        if not host.is_master:
            yield _remove_step(departure, host, agent, ())


def _remove_step(departure: Departure, host: Host, agent: Host, before: tuple[str, ...]) -> Step:
    node = node_name(host)
    lines = [forget_command(KUBECTL, node)]
    if host.name not in departure.lost:
        is_known = f"if ! {{ {is_forgotten(KUBECTL, node)}; }}"
        lines.insert(0, f"{is_known}; then {drain_command(KUBECTL, node, departure.drain_seconds)}; fi")
    return Step(
        id=at(f"k3s/remove/{host.name}", agent.name),
        title=f"drain and forget node {node}",
        host=agent.name,
        changes=(
            Command(
                title=f"drain and forget node {node}",
                run="\n".join(lines),
                unless=is_forgotten(KUBECTL, node),
                limit=departure.drain_seconds + 120,
            ),
        ),
        provides=(at("removed", host.name),),
        requires=before,
        timeout=departure.drain_seconds + 300,
    )
