"""Taking hosts out of a cluster: pods move away, etcd and the API server forget them, as do other hosts."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import quote
from sealer.kubernetes import (
    clearing_step,
    drain_command,
    forget_command,
    is_forgotten,
    leave_in_turn,
    leaving_masters,
    removal_step,
    require_quorum,
    speaker,
)
from sealer.model import Cluster, Departure, Host, Step, at
from sealer_runtime_k8s import etcd
from sealer_runtime_k8s.balancer import endpoint_changes
from sealer_runtime_k8s.kubeadm import is_own_endpoint
from sealer_runtime_k8s.names import PROGRAMS, environment, node_name
from sealer_runtime_k8s.version import image_version

_NEW_DRAIN_FLAG = 20
"""The minor version that renamed --delete-local-data (changelog of Kubernetes 1.20)."""

_POINTED = "kubernetes-endpoint"
_KUBECTL = f"{PROGRAMS}/kubectl"


def removal_steps(cluster: Cluster, departure: Departure) -> Iterator[Step]:
    """Yield the steps after which the cluster does without some hosts.

    Raises:
        PlanError: etcd would lose its quorum, or nobody could do it.
    """
    masters = leaving_masters(departure)
    agent = speaker(cluster, departure)
    if masters and etcd.is_stacked(cluster):
        require_quorum(cluster, departure)
    pointed: tuple[str, ...] = ()
    if masters and is_own_endpoint(cluster):
        points = tuple(_point_steps(cluster, departure))
        yield from points
        pointed = tuple(name for step in points for name in step.provides)
    yield from leave_in_turn(
        departure,
        lambda host, before: _remove_step(cluster, departure, host, agent, before),
        requires=pointed,
        clearing=clearing_step(
            departure,
            agent,
            distribution="kubernetes",
            kubectl=_KUBECTL,
            node=lambda host: node_name(cluster, host),
            drain=lambda _, node, seconds: _drain(cluster, node, seconds),
            env=environment(),
        ),
    )


def drain(cluster: Cluster, host: Host, seconds: int) -> str:
    """Return a command that moves the pods of a host away, their disruption budgets respected."""
    return _drain(cluster, node_name(cluster, host), seconds)


def _drain(cluster: Cluster, node: str, seconds: int) -> str:
    command = drain_command(_KUBECTL, node, seconds)
    if image_version(cluster.image).minor < _NEW_DRAIN_FLAG:
        return command.replace("--delete-emptydir-data", "--delete-local-data")
    return command


def _point_steps(cluster: Cluster, departure: Departure) -> Iterator[Step]:
    """Yield a step for each host that stays, after which it turns to masters that stay."""
    masters = [host for host in departure.staying(cluster) if host.is_master]
    for host in departure.reachable(cluster):
        yield Step(
            id=at("kubernetes/endpoint", host.name),
            title="turn to the masters that stay",
            host=host.name,
            changes=tuple(endpoint_changes(cluster, host, masters)),
            provides=(at(_POINTED, host.name),),
        )


def _remove_step(
    cluster: Cluster, departure: Departure, host: Host, agent: Host, before: tuple[str, ...]
) -> Step:
    """Return the step, made on another master, after which a host is no node and no member any more."""
    name = quote(node_name(cluster, host))
    gone = is_forgotten(_KUBECTL, node_name(cluster, host))
    lines = []
    with_etcd = host.is_master and etcd.is_stacked(cluster)
    if with_etcd:
        gone = f"{gone} || exit 1\n{etcd.has_no_member(cluster, agent, host)}"
        lines.append(etcd.wait_for_pod(cluster, agent))
        lines.append(etcd.require_quorum_without(cluster, agent, host))
    if host.name not in departure.lost:
        known = f'if [ -n "$({_KUBECTL} get node {name} --ignore-not-found -o name)" ]'
        lines.append(f"{known}; then {drain(cluster, host, departure.drain_seconds)}; fi")
    if with_etcd:
        lines.append(etcd.remove_member(cluster, agent, host))
    lines.append(forget_command(_KUBECTL, node_name(cluster, host)))
    return removal_step(
        departure,
        host,
        agent,
        distribution="kubernetes",
        node=node_name(cluster, host),
        run=lines,
        gone=gone,
        requires=before,
        what="master" if host.is_master else "node",
        env=environment(),
    )
