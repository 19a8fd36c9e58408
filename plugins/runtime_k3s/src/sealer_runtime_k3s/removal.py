"""Taking hosts out of a cluster: pods move away, then the API server and etcd forget them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sealer.kubernetes import (
    clearing_step,
    drain_command,
    forget_command,
    is_forgotten,
    leave_in_turn,
    removal_step,
    require_quorum,
    speaker,
)
from sealer.model import Cluster, Departure, Host, Step, at
from sealer_runtime_k3s import etcd
from sealer_runtime_k3s.config import has_etcd
from sealer_runtime_k3s.names import KUBECTL, node_name
from sealer_runtime_k3s.units import environment_file

_POINTED = "k3s-endpoint"


def removal_steps(cluster: Cluster, departure: Departure) -> Iterator[Step]:
    """Yield the steps after which the cluster does without some hosts: masters one after the other.

    Raises:
        PlanError: etcd would lose its quorum, or nobody could do it.
    """
    agent = speaker(cluster, departure)
    if any(host.is_master for host in departure.hosts) and has_etcd(cluster):
        require_quorum(cluster, departure)
    points = tuple(_point_steps(cluster, departure))
    yield from points
    yield from leave_in_turn(
        departure,
        lambda host, before: _remove_step(cluster, departure, host, agent, before),
        requires=[name for step in points for name in step.provides],
        clearing=clearing_step(departure, agent, distribution="k3s", kubectl=KUBECTL, node=node_name),
    )


def _point_steps(cluster: Cluster, departure: Departure) -> Iterator[Step]:
    """Yield a step for each host that stays and would look for the cluster where nobody is any more.

    k3s is not started again: it knows all servers by itself, and reads this when it starts the next time.
    """
    rest = replace(cluster, hosts=departure.staying(cluster))
    for host in departure.reachable(cluster):
        told = environment_file(rest, host)
        if told != environment_file(cluster, host):
            yield Step(
                id=at("k3s/endpoint", host.name),
                title="turn to the servers that stay",
                host=host.name,
                changes=(told,),
                provides=(at(_POINTED, host.name),),
            )


def _remove_step(
    cluster: Cluster, departure: Departure, host: Host, agent: Host, before: tuple[str, ...]
) -> Step:
    """Return the step. A server whose node is deleted is taken out of etcd by k3s on the others."""
    node = node_name(host)
    gone = is_forgotten(KUBECTL, node)
    is_known = f"! {{ {gone}; }}"
    lines = []
    member = host.is_master and has_etcd(cluster)
    if member:
        lines.append(f"if {is_known}; then\n{etcd.require_quorum_without(node)}\nfi")
    if host.name not in departure.lost:
        lines.append(f"if {is_known}; then {drain_command(KUBECTL, node, departure.drain_seconds)}; fi")
    lines.append(forget_command(KUBECTL, node))
    if member:
        lines.append(etcd.wait_for_no_member(agent, host))
        gone = f"{gone} && {etcd.has_no_member(agent, host)}"
    return removal_step(
        departure, host, agent, distribution="k3s", node=node, run=lines, gone=gone, requires=before
    )
