"""Taking hosts out of a cluster that goes on without them, masters too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sealer.cluster.install import Prepared, prepare_again
from sealer.cluster.pipeline import registry_name
from sealer.cluster.removal import FORCE, REMOVE, left_behind, take_back_step
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, drive, reach
from sealer.cluster.state import require_state, save_state
from sealer.clusterfile import ClusterSpec
from sealer.errors import HostError, UsageError
from sealer.events import EventSink, Message
from sealer.hosts.secret import Redactor
from sealer.model import DRAIN_SECONDS, Cluster, Departure, Step, at
from sealer.operation.engine import Summary
from sealer.operation.plan import make_plan
from sealer.operation.records import ClusterRecords, Operation
from sealer.operation.visit import Applier, Branching, Remover, Visitor

_LEAVING = "leaving"
_LOST = "lost"
_DRAIN_SECONDS = "drain_seconds"


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
        records.require_none_open()
        prepared = prepare_again(context, request)
        async with reach(context, spec, redactor) as connections:
            lost = [host for host, found in connections.items() if isinstance(found, HostError)]
            asked: dict[str, Any] = {
                _LEAVING: list(leaving.addresses),
                _LOST: lost,
                _DRAIN_SECONDS: leaving.drain_seconds,
                FORCE: leaving.force,
            }
            tuple(prepared.parts.runtime.remove(prepared.cluster, _departure(prepared.cluster, asked)))
            for host in lost:
                if host not in leaving.addresses:
                    text = (
                        "can't be reached, and is not told; sealer run brings it up to date when it is back"
                    )
                    context.events(Message(text=text, host=host, warning=True))
            plain = request.to_plain()
            operation = records.begin(REMOVE, {**plain, **asked}, before=plain)
            return await leave(context, records, operation, connections, redactor)


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
    request = Request.from_plain(operation.request, str(operation.directory))
    prepared = prepare_again(context, request)
    cluster = prepared.cluster
    departure = _departure(cluster, operation.request)
    rest = request.without_hosts(frozenset(host.name for host in departure.hosts))
    naming = tuple(_registry_steps(departure, prepared, prepare_again(context, rest)))
    left = left_behind(context, operation, connections, cluster.data)
    named = tuple(name for step in naming for name in step.provides)
    taking = [
        take_back_step(host.name, requires=(at("removed", host.name), *named))
        for host in departure.hosts
        if host.name not in left
    ]
    steps = [*naming, *prepared.parts.runtime.remove(cluster, departure), *taking]
    uploads = asyncio.Semaphore(context.uploads)

    def make_visitor(events: EventSink) -> Visitor:
        applier = Applier(
            data=cluster.data,
            operation=operation.id,
            blobs=context.store,
            uploads=uploads,
            events=events,
            redactor=redactor,
        )
        remover = Remover(data=cluster.data, operation=operation.id, events=events, redactor=redactor)
        return Branching(default=applier, others={step.id: remover for step in taking})

    def conclude() -> None:
        save_state(records, rest)

    return await drive(context, operation, make_plan(steps), connections, make_visitor, conclude=conclude)


def _departure(cluster: Cluster, asked: Mapping[str, Any]) -> Departure:
    return Departure(
        hosts=tuple(host for host in cluster.hosts if host.name in asked[_LEAVING]),
        lost=frozenset(asked[_LOST]),
        drain_seconds=asked[_DRAIN_SECONDS],
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
            changes=(registry_name(then.cluster, host, then.cluster.registry),),
            provides=(at("registry-name", host.name),),
        )
