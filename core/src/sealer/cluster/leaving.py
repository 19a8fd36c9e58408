"""Taking hosts out of a cluster that goes on without them, masters too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sealer.cluster.gone_hosts import say_without_gone
from sealer.cluster.install import Prepared, Wish, prepare_again
from sealer.cluster.registry_access import registry_names
from sealer.cluster.removal_plan import REMOVE, abandon, left_behind, take_back_step
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.session import Connections, Context, applying, drive, reach
from sealer.cluster.state import load_state, require_state, save_state
from sealer.clusterfile import ClusterSpec
from sealer.errors import HostError, HostsFailed, UsageError
from sealer.events import EventSink, Message
from sealer.hosts.secret import Redactor
from sealer.model import DRAIN_SECONDS, Cluster, Departure, Step, at
from sealer.operation.engine import Summary
from sealer.operation.passing import Passing
from sealer.operation.plan import make_plan
from sealer.operation.records import ClusterRecords, Operation
from sealer.operation.taking_back import Remover
from sealer.operation.visitor import Branching, Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldToLeave:
    """What is recorded of an operation in which hosts leave, beside the request.

    Attributes:
        leaving: Their addresses.
        lost: The hosts of the cluster that could not be reached when it began.
        drain_seconds: How long the pods of one host may take to move away.
        force: Whether hosts that leave and can't be reached are left as they are.
    """

    leaving: tuple[str, ...]
    lost: tuple[str, ...]
    drain_seconds: int
    force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What the user asks for.

    Attributes:
        masters: Addresses of masters.
        nodes: Addresses of other hosts.
        force: Whether hosts that can't be reached are left as they are, instead of standing in the way.
        drain_seconds: How long the pods of one host may take to move away.
    """

    masters: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    force: bool = False
    drain_seconds: int = DRAIN_SECONDS

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.masters, *self.nodes)


async def remove_hosts(context: Context, records: ClusterRecords, leaving: Leaving) -> Summary:
    """Take some hosts out of a cluster, and take back what was changed on them.

    Raises:
        UsageError: The cluster has no such hosts, or none of its masters would stay.
        PlanError: It can't do without them; nothing was changed.
        HostsFailed: Something could not be done; the operation can be resumed.
    """
    redactor = Redactor()
    with records.lock(REMOVE):
        request = require_state(records)
        spec = request.clusterfile.cluster
        require_removable(spec, leaving)
        given_up = settled(records, leaving)
        prepared = prepare_again(context, request)
        async with reach(context, spec, redactor) as connections:
            asked = asked_of(leaving, connections)
            tuple(prepared.parts.runtime.remove(prepared.cluster, _departure(prepared.cluster, asked)))
            for host in asked.lost:
                if host not in leaving.addresses:
                    text = (
                        "can't be reached, and is not told; sealer run brings it up to date when it is back"
                    )
                    context.events(Message(text=text, host=host, warning=True))
            abandon(given_up)
            plain = request.to_plain()
            operation = records.begin(REMOVE, {**plain, **asdict(asked)}, before=plain)
            return await leave(context, records, operation, connections, redactor)


def settled(records: ClusterRecords, leaving: Leaving) -> Operation | None:
    """Return the removal that is open, if this one takes its place, which hosts that are gone don't hold up.

    Raises:
        OperationLocked: Another operation is open.
    """
    operation = records.open_operation()
    if operation is not None and operation.verb == REMOVE and leaving.force:
        before = noted(operation, ToldToLeave).leaving
        if set(before) <= set(leaving.addresses):
            return operation
    records.require_none_open()
    return None


def asked_of(leaving: Leaving, connections: Connections) -> ToldToLeave:
    """Return what is recorded of what the user asks for, and of the hosts that can't be reached."""
    return ToldToLeave(
        leaving=leaving.addresses,
        lost=tuple(host for host, found in connections.items() if isinstance(found, HostError)),
        drain_seconds=leaving.drain_seconds,
        force=leaving.force,
    )


def leaving_hosts(home: Path, wish: Wish) -> Leaving:
    """Return the hosts of the cluster that are not among those that are wanted, when they are to leave it.

    Raises:
        SealerError: What is remembered of the cluster is damaged.
    """
    state = load_state(ClusterRecords(home, wish.clusterfile.cluster.name)) if wish.shrink else None
    if state is None or not state.is_installed:
        return Leaving()
    spec = state.clusterfile.cluster
    wanted = {host.address for host in wish.clusterfile.cluster.hosts}
    return Leaving(
        masters=tuple(host.address for host in spec.masters if host.address not in wanted),
        nodes=tuple(host.address for host in spec.nodes if host.address not in wanted),
    )


def require_removable(spec: ClusterSpec, leaving: Leaving) -> None:
    """Refuse what can't be meant.

    Raises:
        UsageError: The cluster has no such hosts, they have another role, or no master would stay.
    """
    known = {host.address: host.is_master for host in spec.hosts}
    unknown = [address for address in leaving.addresses if address not in known]
    if unknown:
        raise UsageError(
            f"cluster {spec.name} has no host {', '.join(unknown)}", hint=f"its hosts: {', '.join(known)}"
        )
    masters = [address for address in leaving.nodes if known[address]]
    if masters:
        words = f"{', '.join(masters)} of cluster {spec.name}: no node but a master"
        raise UsageError(words, hint=f"sealer delete -m {','.join(masters)} {spec.name}")
    nodes = [address for address in leaving.masters if not known[address]]
    if nodes:
        words = f"{', '.join(nodes)} of cluster {spec.name}: no master but a node"
        raise UsageError(words, hint=f"sealer delete -n {','.join(nodes)} {spec.name}")
    if {host.address for host in spec.masters} <= set(leaving.masters):
        raise UsageError(
            f"no master of cluster {spec.name} would stay",
            hint=f"to take the whole cluster away: sealer delete --all {spec.name}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """How hosts leave a cluster.

    Attributes:
        cluster: With the hosts that leave.
        rest: What the cluster is to be afterwards.
        hosts: The names of those that leave.
        steps: Those after which it does without them.
        named: What the hosts that stay know once they have forgotten the registries of those that leave.
    """

    cluster: Cluster
    rest: Request
    hosts: tuple[str, ...]
    steps: tuple[Step, ...]
    named: tuple[str, ...]

    def taking_back(self, *, except_of: frozenset[str] = frozenset()) -> tuple[Step, ...]:
        """Return the steps in which hosts take back what was changed on them, once nobody needs them."""
        return tuple(
            take_back_step(host, requires=(at("removed", host), *self.named))
            for host in self.hosts
            if host not in except_of
        )


def part(context: Context, request: Request, asked: ToldToLeave) -> Parting:
    """Plan how hosts leave a cluster.

    Args:
        context: What a verb needs from outside.
        request: The cluster.
        asked: What ``asked_of`` returned.

    Raises:
        PlanError: It can't do without them.
    """
    prepared = prepare_again(context, request)
    departure = _departure(prepared.cluster, asked)
    hosts = tuple(host.name for host in departure.hosts)
    rest = request.without_hosts(frozenset(hosts))
    naming = tuple(_registry_steps(departure, prepared, prepare_again(context, rest)))
    return Parting(
        cluster=prepared.cluster,
        rest=rest,
        hosts=hosts,
        steps=(*naming, *prepared.parts.runtime.remove(prepared.cluster, departure)),
        named=tuple(name for step in naming for name in step.provides),
    )


async def leave(
    context: Context,
    records: ClusterRecords,
    operation: Operation,
    connections: Connections,
    redactor: Redactor,
) -> Summary:
    """Drive the operation: the cluster forgets the hosts, then they take back what was changed on them.

    Raises:
        HostsFailed: Something could not be done.
    """
    request = request_of(operation)
    parting = part(context, request, noted(operation, ToldToLeave))
    cluster, taking = (
        parting.cluster,
        parting.taking_back(except_of=left_behind(context, operation, connections, parting.cluster.data)),
    )
    make_applier = applying(context, cluster.data, operation, redactor)

    def make_visitor(events: EventSink, passing: Passing) -> Visitor:
        applier = make_applier(events, passing)
        remover = Remover(data=cluster.data, operation=operation.id, events=events, redactor=redactor)
        return Branching(default=applier, others={step.id: remover for step in taking})

    def conclude() -> None:
        save_state(records, parting.rest)

    plan = make_plan([*parting.steps, *taking])
    try:
        return await drive(context, operation, plan, connections, make_visitor, conclude=conclude)
    except HostsFailed as error:
        spec = request.clusterfile.cluster
        say_without_gone(error, f"sealer delete {_named(spec, parting.hosts)} --force {spec.name}")
        raise


def _named(spec: ClusterSpec, hosts: Sequence[str]) -> str:
    """Return the flags that name hosts of a cluster."""
    groups = {"-m": spec.masters, "-n": spec.nodes}
    named = {flag: [one.address for one in group if one.address in hosts] for flag, group in groups.items()}
    return " ".join(f"{flag} {','.join(addresses)}" for flag, addresses in named.items() if addresses)


def _departure(cluster: Cluster, asked: ToldToLeave) -> Departure:
    return Departure(
        hosts=tuple(host for host in cluster.hosts if host.name in asked.leaving),
        lost=frozenset(asked.lost),
        drain_seconds=asked.drain_seconds,
    )


def _registry_steps(departure: Departure, now: Prepared, then: Prepared) -> Iterator[Step]:
    """Yield the steps in which hosts that stay forget the registries of those that leave."""
    if now.cluster.registry is None or then.cluster.registry is None:
        return
    if now.cluster.registry.addresses == then.cluster.registry.addresses:
        return
    for host in departure.reachable(now.cluster):
        yield Step(
            id=at("registry-name", host.name),
            title="forget the registries of hosts that leave",
            host=host.name,
            changes=tuple(registry_names(then.cluster, host, then.cluster.registry)),
            provides=(at("registry-name", host.name),),
        )
