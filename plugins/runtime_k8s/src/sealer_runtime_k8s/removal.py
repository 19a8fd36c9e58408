"""Taking nodes out of a cluster: their pods move away, then the API server forgets them."""

from __future__ import annotations

from sealer.changes import Command, quote
from sealer.errors import PlanError
from sealer.model import Cluster, Host, Step, at
from sealer_runtime_k8s.names import PROGRAMS, environment, node_name
from sealer_runtime_k8s.version import image_version

DRAIN_SECONDS = 300
"""How long pods have to move away, their disruption budgets respected."""

_NEW_DRAIN_FLAG = 20
"""The minor version that renamed --delete-local-data (changelog of Kubernetes 1.20)."""


def remove_step(cluster: Cluster, host: Host) -> Step:
    """Return the step, made on the first master, after which a host is no node any more.

    Raises:
        PlanError: The host is a master.
    """
    if host.is_master:
        raise PlanError(
            f"{host.name} is a master; taking masters away is not built yet",
            hint="a member of etcd has to leave first",
        )
    name = quote(node_name(cluster, host))
    kubectl = f"{PROGRAMS}/kubectl"
    data = (
        "--delete-emptydir-data"
        if image_version(cluster.image).minor >= _NEW_DRAIN_FLAG
        else "--delete-local-data"
    )
    drain = f"{kubectl} drain {name} --ignore-daemonsets {data} --force --timeout={DRAIN_SECONDS}s"
    # An API server that doesn't answer must not pass for one that knows no such node.
    gone = f'found=$({kubectl} get node {name} --ignore-not-found -o name) && [ -z "$found" ]'
    return Step(
        id=at(f"kubernetes/remove/{host.name}", cluster.first_master.name),
        title=f"drain and forget node {node_name(cluster, host)}",
        host=cluster.first_master.name,
        changes=(
            Command(
                title=f"drain and forget node {node_name(cluster, host)}",
                run=f"{drain}\n{kubectl} delete node {name}",
                unless=gone,
                limit=DRAIN_SECONDS + 60,
            ),
        ),
        provides=(at("removed", host.name),),
        env=environment(),
    )
