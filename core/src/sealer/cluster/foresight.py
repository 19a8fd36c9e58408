"""What taking back, going on and mending would do: looked at, host by host, while nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sealer.changes.lasting import what_stays
from sealer.cluster.certificates import RENEW, new_renewal, renewal_plan, with_names
from sealer.cluster.comparison import compare
from sealer.cluster.gone_hosts import still_there, unusable
from sealer.cluster.install import prepare_again
from sealer.cluster.kinds import look_at, look_through
from sealer.cluster.leaving import Leaving, ToldToLeave, asked_of, part, require_removable, settled
from sealer.cluster.operations import kind_of
from sealer.cluster.outlook import Outlook, PlannedChange, PlannedStep
from sealer.cluster.removal import is_foreign, last_known, refuse_known, require_none_to_finish, tasks_behind
from sealer.cluster.removal_plan import (
    DELETE,
    REMOVALS,
    REMOVE,
    RESET,
    ROLLBACK,
    Removal,
    removal_of,
    removal_plan,
    take_back_step,
)
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.residue import residue
from sealer.cluster.rollback_target import rollback_target
from sealer.cluster.session import Connections, Context, reach, reach_for
from sealer.cluster.state import require_state
from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.errors import HostError
from sealer.events import Message
from sealer.hosts.secret import Redactor
from sealer.model import Step, show
from sealer.operation.engine import skippable
from sealer.operation.plan import make_plan
from sealer.operation.records import ClusterRecords, Operation


async def look_at_deletion(context: Context, records: ClusterRecords, *, force: bool = False) -> Outlook:
    """Say what deleting a cluster would take back.

    Raises:
        SealerError: As for the deletion.
    """
    records.require_unlocked()
    request = last_known(context, records)
    if is_foreign(records):
        text = f"cluster {records.cluster} was not made by Sealer: it would be forgotten, and stay as it is"
        context.events(Message(text=text))
        return Outlook(verb=DELETE, cluster=records.cluster, image="", hosts=(), steps=())
    return await _look_at_removal(context, Removal(verb=DELETE, request=request, force=force))


async def look_at_leaving(context: Context, records: ClusterRecords, leaving: Leaving) -> Outlook:
    """Say what taking hosts out of a cluster would do.

    Raises:
        SealerError: As for the removal.
    """
    records.require_unlocked()
    request = require_state(records)
    require_removable(request.clusterfile.cluster, leaving)
    settled(records, leaving)
    return await _look_at_parting(context, request, lambda connections: asked_of(leaving, connections))


async def look_at_departure(context: Context, state: Request, leaving: Leaving) -> tuple[PlannedStep, ...]:
    """Return the steps by which hosts leave a cluster.

    Raises:
        SealerError: As for the removal.
    """
    require_removable(state.clusterfile.cluster, leaving)
    outlook = await _look_at_parting(context, state, lambda connections: asked_of(leaving, connections))
    return outlook.steps


async def look_at_rollback(context: Context, records: ClusterRecords, identity: str | None) -> Outlook:
    """Say what taking an operation back would do.

    Raises:
        SealerError: As for the rollback.
    """
    records.require_unlocked()
    target = rollback_target(records, identity)
    request = still_there(records, request_of(target))
    return await _look_at_removal(context, Removal(verb=ROLLBACK, request=request, only=target.id))


async def look_at_reset(context: Context, clusterfile: Clusterfile) -> Outlook:
    """Say what is left on hosts that a reset would take back.

    Raises:
        SealerError: As for the reset.
    """
    records = ClusterRecords(context.home, clusterfile.cluster.name)
    records.require_unlocked()
    refuse_known(records, clusterfile.cluster)
    require_none_to_finish(records)
    return await leftovers(context, clusterfile.cluster)


async def leftovers(context: Context, spec: ClusterSpec) -> Outlook:
    """Say what is left on hosts, whoever knows of them.

    Raises:
        SealerError: A host can't be reached or asked.
    """
    request = Request.of_hosts(Clusterfile(cluster=spec))
    return await _look_at_removal(context, Removal(verb=RESET, request=request))


async def look_at_renewal(context: Context, records: ClusterRecords, names: Sequence[str]) -> Outlook:
    """Say what making all certificates anew would do.

    Raises:
        SealerError: As for doing it.
    """
    request = with_names(require_state(records), names)
    prepared = prepare_again(context, request)
    redactor = Redactor()
    async with reach(context, request.clusterfile.cluster, redactor) as connections:
        plan = renewal_plan(prepared, await new_renewal(context, prepared, connections))
        return await look_through(context, request, plan, connections, redactor, verb=RENEW)


async def look_at_resumption(context: Context, records: ClusterRecords) -> Outlook:
    """Say what is left to do of the operation that is open.

    Raises:
        SealerError: As for resuming it.
    """
    records.require_unlocked()
    operation = records.require_open("resume")
    if operation.verb == REMOVE:
        request, asked = request_of(operation), noted(operation, ToldToLeave)
        return await _look_at_parting(context, request, lambda _: asked)
    if operation.verb in REMOVALS:
        done = frozenset(operation.history().done)
        return await _look_at_removal(context, removal_of(operation), done=done)
    return await _look_at_rest(context, operation)


async def _look_at_rest(context: Context, operation: Operation) -> Outlook:
    """Compare the steps that are not done with the hosts."""
    plan = kind_of(operation).plan(context, operation)
    outlook = await look_at(context, request_of(operation), plan, verb=operation.verb)
    skipped = skippable(plan, operation.history())
    return replace(outlook, steps=tuple(step for step in outlook.steps if step.step not in skipped))


async def _look_at_parting(
    context: Context, request: Request, asking: Callable[[Connections], ToldToLeave]
) -> Outlook:
    """Compare what hosts that stay would do; ask those that leave what they would take back."""
    spec = request.clusterfile.cluster
    redactor = Redactor()
    async with reach(context, spec, redactor) as connections:
        asked = asking(connections)
        parting = part(context, request, asked)
        reached = _reached(context, connections, force=asked.force)
        steps = await compare(context, make_plan(parting.steps), parting.cluster.data, reached, redactor)
        cleaned = {host: reached[host] for host in parting.hosts if host in reached}
        steps += await _taking_back(context, spec, cleaned, operation=None)
    return Outlook(
        verb=REMOVE,
        cluster=spec.name,
        image=request.image.reference,
        hosts=tuple(dict.fromkeys((*(step.host for step in steps), *parting.hosts))),
        steps=steps,
    )


async def _look_at_removal(
    context: Context, removal: Removal, *, done: frozenset[str] = frozenset()
) -> Outlook:
    """Ask hosts what they would take back; say which tasks would be done behind it, but for those done."""
    spec = removal.request.clusterfile.cluster
    async with reach_for(context, removal.request, Redactor()) as connections:
        cleaned = _reached(context, connections, force=removal.force)
        steps = await _taking_back(context, spec, cleaned, operation=removal.only)
    records = ClusterRecords(context.home, spec.name)
    taking = removal_plan(removal.request)
    tasks = tasks_behind(context, records, removal.only, taking, stamp=removal.verb)
    steps += tuple(_behind(step) for step in tasks if step.id not in done)
    return Outlook(
        verb=removal.verb,
        cluster=spec.name,
        image=removal.request.image.reference,
        hosts=tuple(host.address for host in spec.hosts),
        steps=steps,
    )


def _behind(step: Step) -> PlannedStep:
    """Return a step that is done once everything is taken back: what hosts are now tells nothing of it."""
    changes = tuple(
        PlannedChange(change=show(change.describe()), reason="it is done once everything is taken back")
        for change in step.changes
    )
    return PlannedStep(step=step.id, title=step.title, host=step.host, changes=changes)


def _reached(context: Context, connections: Connections, *, force: bool) -> Connections:
    """Return the connections without those that there are not, if these hosts may be left as they are."""
    left = {host: found for host, found in connections.items() if force and isinstance(found, HostError)}
    for host, error in left.items():
        text = f"{unusable(error)}: it would be left as it is"
        context.events(Message(text=text, host=host, warning=True))
    return {host: found for host, found in connections.items() if host not in left}


async def _taking_back(
    context: Context, spec: ClusterSpec, connections: Connections, *, operation: str | None
) -> tuple[PlannedStep, ...]:
    steps = []
    for found in await residue(context, connections, spec, operation=operation):
        step = take_back_step(found.host)
        kept = [entry.key for entry in found.entries if not entry.undoable]
        if operation is not None and (text := what_stays(kept)):
            context.events(Message(text=text, host=found.host, warning=True))
        changes = tuple(
            PlannedChange(change=entry.key, reason=f"operation {entry.operation} made it")
            for entry in found.entries
            if entry.undoable
        )
        steps.append(PlannedStep(step=step.id, title=step.title, host=found.host, changes=changes))
    return tuple(steps)
