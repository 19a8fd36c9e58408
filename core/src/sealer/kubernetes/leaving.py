"""Hosts that leave: who speaks for the cluster, whether etcd bears it, their order, and how pods move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sealer.changes import Command, quote
from sealer.changes.quoting import words
from sealer.errors import PlanError
from sealer.model import Cluster, Departure, Host, Step, at

_TOGETHER_SECONDS = 60


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


def persistent(command: str, *, attempts: int = 10) -> str:
    """Return sh that makes a command again until it succeeds, and fails when it has failed too often.

    An etcd that has just lost a member chooses a new leader, and refuses meanwhile what it is asked
    ("etcdserver: leader changed", "unhealthy cluster"). Between attempts it waits for three seconds.

    Args:
        command: sh whose last status counts; what failed before that has to be tied to it with ``&&``.
        attempts: How often it is made.
    """
    return f"""\
tries=0
until {command}; do
  tries=$((tries + 1))
  if [ "$tries" -ge {attempts} ]; then exit 1; fi
  sleep 3
done"""


def drain_command(kubectl: str, node: str, seconds: int) -> str:
    """Return sh that moves a node's pods away, their disruption budgets respected.

    What fails before its time is up, because etcd has no leader at that moment, is tried again.

    Args:
        kubectl: The shell words that call kubectl, 1.20 or later, as the administrator.
        node: The node's name.
        seconds: How long they may take.
    """
    flags = "--ignore-daemonsets --delete-emptydir-data --force"
    return f"""\
left={seconds}
end=$(($(date +%s) + left))
tries=0
until {kubectl} drain {quote(node)} {flags} --timeout="${{left}}s"; do
  tries=$((tries + 1))
  left=$((end - $(date +%s)))
  if [ "$tries" -ge 5 ] || [ "$left" -le 0 ]; then exit 1; fi
  sleep 3
done"""


def clear_command(kubectl: str, drains: Mapping[str, str]) -> str:
    """Return sh that keeps pods off some nodes, then moves away side by side those that they have.

    It fails only when the nodes can't be told; whose pods did not move is not waited for.

    Args:
        kubectl: The shell words that call kubectl as the administrator.
        drains: sh that moves the pods of one node away, by its name.
    """
    names = words(tuple(drains))
    cordon = f"nodes=$({kubectl} get node {names} --ignore-not-found -o name) && {kubectl} cordon $nodes"
    moves = "\n".join(f"(\n{drain}\n) &" for drain in drains.values())
    return f"{persistent(f'{{ {cordon}; }}')}\n{moves}\nwait"


def forget_command(kubectl: str, node: str) -> str:
    """Return sh after which the API server knows no such node.

    Args:
        kubectl: The shell words that call kubectl as the administrator.
        node: The node's name.
    """
    return persistent(f"{kubectl} delete node {quote(node)} --ignore-not-found")


def is_forgotten(kubectl: str, node: str) -> str:
    """Return sh that succeeds when the API server knows no such node, and not when it doesn't answer."""
    return f'found=$({kubectl} get node {quote(node)} --ignore-not-found -o name) && [ -z "$found" ]'


def leaving_masters(departure: Departure) -> tuple[Host, ...]:
    """Return the masters that leave, in their order: those that can't be reached go first.

    So most of etcd's members are there at each moment.
    """
    masters = (host for host in departure.hosts if host.is_master)
    return tuple(sorted(masters, key=lambda host: host.name not in departure.lost))


def leave_in_turn(
    departure: Departure,
    step: Callable[[Host, tuple[str, ...]], Step],
    *,
    requires: Sequence[str] = (),
    clearing: Step | None = None,
) -> Iterator[Step]:
    """Yield a step for each host that leaves: masters one after the other, nodes side by side.

    Args:
        departure: Who leaves.
        step: Makes the step of a host, given what it requires. It provides ``removed@`` the host.
        requires: What holds before the first master leaves.
        clearing: What comes ahead of all, of ``clearing_step``.
    """
    cleared: tuple[str, ...] = ()
    if clearing is not None:
        yield clearing
        cleared = clearing.provides
    before = tuple(requires)
    for master in leaving_masters(departure):
        yield step(master, (*cleared, *before))
        before = (at("removed", master.name),)
    for host in departure.hosts:
        if not host.is_master:
            yield step(host, cleared)


def clearing_step(
    departure: Departure,
    agent: Host,
    *,
    distribution: str,
    kubectl: str,
    node: Callable[[Host], str],
    drain: Callable[[str, str, int], str] = drain_command,
    env: Mapping[str, str] | None = None,
) -> Step | None:
    """Return the step ahead of all when several hosts leave, made on a master that stays.

    Drained one after the other, pods would move from each host to those that leave next. What takes longer
    than a minute is left to the step of its host, which waits for it in earnest and tells what went wrong.

    Args:
        departure: Who leaves.
        agent: The master.
        distribution: How the ids of its steps begin.
        kubectl: The shell words that call kubectl as the administrator.
        node: Tells the name of a host's node.
        drain: As ``drain_command``.
        env: The environment of the step.
    """
    hosts = [host for host in departure.hosts if host.name not in departure.lost]
    if len(hosts) < 2:
        return None
    seconds = min(departure.drain_seconds, _TOGETHER_SECONDS)
    names = tuple(node(host) for host in hosts)
    known = f"{kubectl} get node {words(names)} --ignore-not-found -o name"
    title = f"move pods away from {', '.join(names)}"
    return Step(
        id=at(f"{distribution}/clear", agent.name),
        title=title,
        host=agent.name,
        changes=(
            Command(
                title=title,
                run=clear_command(kubectl, {name: drain(kubectl, name, seconds) for name in names}),
                unless=f'found=$({known}) && [ -z "$found" ]',
                limit=seconds + 120,
            ),
        ),
        provides=(at("cleared", agent.name),),
        env=env or {},
        timeout=seconds + 300,
    )


def removal_step(
    departure: Departure,
    host: Host,
    agent: Host,
    *,
    distribution: str,
    node: str,
    run: Sequence[str],
    gone: str,
    requires: tuple[str, ...],
    what: str = "node",
    env: Mapping[str, str] | None = None,
) -> Step:
    """Return the step, made on a master that stays, after which the cluster knows a host no more.

    Args:
        departure: Who leaves.
        host: The host.
        agent: The master.
        distribution: How the ids of its steps begin.
        node: The name of the host's node.
        run: Lines of sh that do it.
        gone: sh that succeeds when it is done.
        requires: What holds before.
        what: What people call the host.
        env: The environment of the step.
    """
    title = f"drain and forget {what} {node}"
    return Step(
        id=at(f"{distribution}/remove/{host.name}", agent.name),
        title=title,
        host=agent.name,
        changes=(Command(title=title, run="\n".join(run), unless=gone, limit=departure.drain_seconds + 120),),
        provides=(at("removed", host.name),),
        requires=requires,
        env=env or {},
        timeout=departure.drain_seconds + 300,
    )
