"""Taking hosts out of a cluster: their pods move away, then the API server forgets them."""

from __future__ import annotations

from sealer.changes import Command, quote
from sealer.errors import PlanError
from sealer.model import Cluster, Host, Step, at
from sealer_runtime_k3s.names import KUBECTL, node_name

_DRAIN_SECONDS = 300
"""How long pods have to move away, their disruption budgets respected."""


def remove_step(cluster: Cluster, host: Host) -> Step:
    """Return the step, made on the first master, after which a host is no node any more.

    Raises:
        PlanError: The host is a master.
    """
    if host.is_master:
        raise PlanError(
            f"{host.name} is a master; taking masters of k3s away is not built yet",
            hint="a member of etcd has to leave first",
        )
    node = node_name(host)
    flags = f"--ignore-daemonsets --delete-emptydir-data --force --timeout={_DRAIN_SECONDS}s"
    drain = f"{KUBECTL} drain {quote(node)} {flags}"
    # An API server that doesn't answer must not pass for one that knows no such node.
    gone = f'found=$({KUBECTL} get node {quote(node)} --ignore-not-found -o name) && [ -z "$found" ]'
    return Step(
        id=at(f"k3s/remove/{host.name}", cluster.first_master.name),
        title=f"drain and forget node {node}",
        host=cluster.first_master.name,
        changes=(
            Command(
                title=f"drain and forget node {node}",
                run=f"{drain}\n{KUBECTL} delete node {quote(node)}",
                unless=gone,
                limit=_DRAIN_SECONDS + 60,
            ),
        ),
        provides=(at("removed", host.name),),
    )
