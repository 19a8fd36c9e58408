"""Taking things back: a whole cluster, what one operation did, or what is left on hosts nobody remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sealer.changes import quote
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, drive, observe_all, reach, require_all
from sealer.cluster.state import (
    forget_state,
    load_state,
    previous_state,
    require_state,
    save_state,
)
from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.errors import SealerError, UsageError
from sealer.events import EventSink
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import Probe, Step
from sealer.operation.engine import Summary
from sealer.operation.journal import Journal
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ABORTED, ClusterRecords, Operation
from sealer.operation.visit import Remover

DELETE = "delete"
ROLLBACK = "rollback"
RESET = "reset"
REMOVALS = frozenset({DELETE, ROLLBACK, RESET})
"""The verbs whose operations take things back."""

ROLLED_BACK = "rolled back"
"""How an operation ends that was taken back."""

_TIMEOUT = 1800.0
_TARGET = "target"


async def delete(context: Context, records: ClusterRecords) -> Summary:
    """Take a cluster away from all its hosts, also one that was made only in part.

    Raises:
        HostsFailed: Some hosts could not be cleaned; the others are.
    """
    redactor = Redactor()
    with records.lock(DELETE):
        request = require_state(records)
        abandon(records.open_operation())
        operation = records.begin(DELETE, request.to_plain())
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            return await take_back(context, records, operation, connections)


async def rollback(context: Context, records: ClusterRecords, identity: str | None) -> Summary:
    """Take back what one operation changed, newest first: the newest that changed anything.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        identity: The operation's id, or None for the newest.

    Raises:
        UsageError: A newer operation stands on it.
        HostsFailed: Some hosts could not be brought back; the others are.
    """
    redactor = Redactor()
    with records.lock(ROLLBACK):
        target = _target(records, identity)
        abandon(records.open_operation())
        request = Request.from_plain(target.request, str(target.directory))
        operation = records.begin(ROLLBACK, {**request.to_plain(), _TARGET: target.id})
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            return await take_back(context, records, operation, connections)


async def reset(context: Context, clusterfile: Clusterfile) -> Summary:
    """Take back what Sealer left on hosts, with nothing but their addresses.

    Of the cluster only its name and its data root count.

    Raises:
        UsageError: The cluster is known here: deleting it is the better way.
        HostsFailed: Some hosts could not be cleaned; the others are.
    """
    spec = clusterfile.cluster
    records = ClusterRecords(context.home, spec.name)
    redactor = Redactor()
    with records.lock(RESET):
        if load_state(records) is not None:
            raise UsageError(
                f"cluster {spec.name} is known here", hint=f"use: sealer delete --all {spec.name}"
            )
        records.require_none_open()
        operation = records.begin(RESET, Request.of_hosts(clusterfile).to_plain())
        async with reach(context, spec, redactor) as connections:
            return await take_back(context, records, operation, connections)


async def take_back(
    context: Context, records: ClusterRecords, operation: Operation, connections: Connections
) -> Summary:
    """Drive an operation that takes things back, and remember or forget the cluster accordingly.

    Raises:
        HostsFailed: Some hosts could not be brought back; the others are.
    """
    request = Request.from_plain(operation.request, str(operation.directory))
    spec = request.clusterfile.cluster
    only = operation.request.get(_TARGET)

    def make_visitor(events: EventSink) -> Remover:
        return Remover(data=f"{spec.data_root}/{spec.name}", operation=operation.id, events=events, only=only)

    summary = await drive(context, operation, removal_plan(request), connections, make_visitor)
    before = previous_state(records, only) if only is not None else None
    if only is not None:
        abandon(records.operation(only), state=ROLLED_BACK)
    if before is None:
        forget_state(records)
    else:
        save_state(records, before)
    return summary


def removal_plan(request: Request) -> Plan:
    """Return the plan of a removal: every host takes back what its journal holds, all at once."""
    steps = [
        Step(
            id=f"take-back@{host.address}",
            title="take back what was changed",
            host=host.address,
            changes=(),
            timeout=_TIMEOUT,
        )
        for host in request.clusterfile.cluster.hosts
    ]
    return make_plan(steps)


def abandon(operation: Operation | None, *, state: str = ABORTED) -> None:
    """Note that an operation will not be gone on with."""
    if operation is not None:
        with Journal(operation.journal) as journal:
            journal.finished(state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """What a host's journal holds: the changes that would be taken back, newest first."""

    host: str
    changes: tuple[str, ...]


async def residue(context: Context, spec: ClusterSpec) -> tuple[Residue, ...]:
    """Ask hosts what Sealer has changed there and not taken back.

    Raises:
        HostError: One host can't be reached or asked.
        HostsFailed: Several can't.
    """
    async with reach(context, spec, Redactor()) as connections:
        answers = await _ask(context, require_all(connections), spec)
    return tuple(Residue(host=host, changes=tuple(answer.splitlines())) for host, answer in answers.items())


async def _ask(
    context: Context, connections: Mapping[str, Connection], spec: ClusterSpec
) -> Mapping[str, str]:
    journal = quote(f"{spec.data_root}/{spec.name}/journal")
    script = (
        f"find {journal} -maxdepth 1 -name '[0-9]*-*' 2>/dev/null | sort -r | "
        'while IFS= read -r entry; do cat "$entry/key"; done'
    )
    probe = Probe(name="core/journal", script=script)
    facts = await observe_all(context, connections, (probe,), spec.data_root)
    return {host: fact.answers[probe.name] for host, fact in facts.items()}


def _target(records: ClusterRecords, identity: str | None) -> Operation:
    changing = [
        operation
        for operation in records.operations()
        if operation.verb not in REMOVALS and operation.history().finished != ROLLED_BACK
    ]
    if not changing:
        raise SealerError(f"cluster {records.cluster} has no operation that could be taken back")
    newest = changing[-1]
    if identity is None or identity == newest.id:
        return newest
    if identity not in [operation.id for operation in changing]:
        raise UsageError(f"there is no operation {identity} to take back on cluster {records.cluster}")
    raise UsageError(
        f"operation {newest.id} came after {identity} and stands on what it did",
        hint=f"take that one back first: sealer operations rollback {newest.id}",
    )
