"""Hosts that leave: who speaks for the cluster meanwhile, whether etcd bears it, and how pods move away."""

from __future__ import annotations

from sealer.changes import quote
from sealer.errors import PlanError
from sealer.model import Cluster, Departure, Host


def speaker(cluster: Cluster, departure: Departure) -> Host:
    """Return the master that speaks for the others: the first that stays and answers.

    Raises:
        PlanError: There is none.
    """
    for host in departure.reachable(cluster):
        if host.is_master:
            return host
    raise PlanError(
        "no master that stays can be reached",
        hint="start one of them again, or take the whole cluster away: sealer delete --all --force",
    )


def require_quorum(cluster: Cluster, departure: Departure) -> None:
    """Refuse what would cost an etcd with a member on each master its quorum, as far as it can be foreseen.

    Raises:
        PlanError: It has none, or would have none.
    """
    staying = [host.name for host in departure.staying(cluster) if host.is_master]
    for names, when in (
        ([host.name for host in cluster.masters], "has lost its quorum"),
        (staying, "would lose its quorum"),
    ):
        alive = [name for name in names if name not in departure.lost]
        if len(alive) < len(names) // 2 + 1:
            missing = ", ".join(name for name in names if name not in alive)
            raise PlanError(
                f"etcd {when}: of {len(names)} masters {len(names) // 2 + 1} are needed, "
                f"and {missing} can't be reached",
                hint="start them again, or take away first those that can't be reached",
            )


def drain_command(kubectl: str, node: str, seconds: int) -> str:
    """Return the sh command that moves a node's pods away, their disruption budgets respected.

    Args:
        kubectl: The shell words that call kubectl, 1.20 or later, as the administrator.
        node: The node's name.
        seconds: How long they may take.
    """
    flags = "--ignore-daemonsets --delete-emptydir-data --force"
    return f"{kubectl} drain {quote(node)} {flags} --timeout={seconds}s"


def forget_command(kubectl: str, node: str) -> str:
    """Return sh after which the API server knows no such node.

    When etcd has just lost a member it may choose a new leader, and refuses writes meanwhile
    ("etcdserver: leader changed"): for half a minute it is tried again.

    Args:
        kubectl: The shell words that call kubectl as the administrator.
        node: The node's name.
    """
    return f"""\
tries=0
until {kubectl} delete node {quote(node)} --ignore-not-found; do
  tries=$((tries + 1))
  if [ "$tries" -ge 10 ]; then exit 1; fi
  sleep 3
done"""


def is_forgotten(kubectl: str, node: str) -> str:
    """Return sh that succeeds when the API server knows no such node, and not when it doesn't answer."""
    return f'found=$({kubectl} get node {quote(node)} --ignore-not-found -o name) && [ -z "$found" ]'
