"""Taking things back: a whole cluster, what one operation did, or what is left on hosts nobody remembers."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import asdict, replace

from sealer.cluster.foreign import write_context
from sealer.cluster.gone_hosts import say_without_gone, still_there
from sealer.cluster.removal_plan import (
    DELETE,
    RESET,
    ROLLBACK,
    ROLLED_BACK,
    TakenBack,
    abandon,
    left_behind,
    removal_plan,
    take_back_id,
)
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.rollback_target import rollback_target
from sealer.cluster.rollback_tasks import rollback_tasks
from sealer.cluster.session import Connections, Context, applying, drive, reach, reach_for, require_all
from sealer.cluster.state import (
    forget_state,
    is_remembered,
    load_state,
    previous_state,
    require_state,
    save_state,
)
from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.errors import HostError, HostsFailed, RecordDamaged, UsageError
from sealer.events import EventSink, Message
from sealer.hosts.secret import Redactor
from sealer.model import Step
from sealer.operation.engine import Summary
from sealer.operation.passing import Passing
from sealer.operation.places import operator_data
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation
from sealer.operation.taking_back import Remover
from sealer.operation.visitor import Branching, Visitor


async def delete(context: Context, records: ClusterRecords, *, force: bool = False) -> Summary:
    """Take a cluster away from all its hosts, also one that was made only in part; forget one of others.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        force: Whether hosts that can't be reached are left as they are, instead of standing in the way.

    Raises:
        HostsFailed: Some hosts could not be cleaned; the others are.
    """
    redactor = Redactor()
    with records.lock(DELETE):
        if is_foreign(records):
            forget_state(records)
            return Summary()
        request = last_known(context, records)
        abandon(records.open_operation())
        operation = records.begin(DELETE, {**request.to_plain(), **asdict(TakenBack(force=force))})
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            return await take_back(context, records, operation, connections, redactor)


def is_foreign(records: ClusterRecords) -> bool:
    """Whether a cluster is one that Sealer did not make: deleting it is to forget it."""
    with contextlib.suppress(RecordDamaged):
        state = load_state(records)
        return state is not None and state.foreign is not None
    return False


def last_known(context: Context, records: ClusterRecords) -> Request:
    """Return what is remembered of a cluster, or if that is damaged, what an operation was to make of it.

    It names the cluster's hosts, and maybe some that have left it: those have nothing to take back.

    Raises:
        RecordDamaged: No record is whole; the hint says how to do without one.
        SealerError: Nothing is known of the cluster.
    """
    try:
        return require_state(records)
    except RecordDamaged as error:
        for operation in reversed(records.operations()):
            with contextlib.suppress(RecordDamaged):
                request = request_of(operation)
                if operation.verb != RESET:
                    text = f"{error}: the hosts are those of operation {operation.id}"
                    context.events(Message(text=text, warning=True))
                    return request
        error.hint = (
            "each host knows what was changed on it; name them: "
            f"sealer reset --hosts A,B --cluster-name {records.cluster}"
        )
        raise


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
        target = rollback_target(records, identity)
        abandon(records.open_operation())
        request = still_there(records, request_of(target))
        operation = records.begin(ROLLBACK, {**request.to_plain(), **asdict(TakenBack(target=target.id))})
        write_context(request)
        async with reach_for(context, request, redactor) as connections:
            return await take_back(context, records, operation, connections, redactor)


async def reset(context: Context, clusterfile: Clusterfile) -> Summary:
    """Take back what Sealer left on hosts, with nothing but their addresses.

    Of the cluster only its name and its data root count.

    Raises:
        UsageError: They are of a cluster that is known here: deleting is the better way.
        HostsFailed: Some hosts could not be cleaned; the others are.
        HostError: The only host can't be reached; where no host can, nothing is on record.
    """
    spec = clusterfile.cluster
    records = ClusterRecords(context.home, spec.name)
    redactor = Redactor()
    with records.lock(RESET):
        refuse_known(records, spec)
        require_none_to_finish(records)
        async with reach(context, spec, redactor) as connections:
            if all(isinstance(connection, HostError) for connection in connections.values()):
                require_all(connections)
            abandon(records.open_operation())
            operation = records.begin(RESET, Request.of_hosts(clusterfile).to_plain())
            return await take_back(context, records, operation, connections, redactor)


def require_none_to_finish(records: ClusterRecords) -> None:
    """Refuse to reset hosts while an operation is open that can be gone on with, but for a reset.

    Another reset takes its place: the hosts may have been the wrong ones, which nobody can ever go on with.

    Raises:
        OperationLocked: One is; the hint says how to finish it.
    """
    operation = records.open_operation()
    if operation is not None and operation.verb != RESET:
        with contextlib.suppress(RecordDamaged):
            request_of(operation)
            records.require_none_open()


def refuse_known(records: ClusterRecords, spec: ClusterSpec) -> None:
    """Refuse to reset hosts that a cluster has that is known here; one that left it may be reset.

    Raises:
        UsageError: It has some of them: deleting is the better way.
    """
    try:
        state = load_state(records)
    except RecordDamaged:
        return
    if state is None:
        return
    members = {host.address for host in state.clusterfile.cluster.hosts}
    if members & {host.address for host in spec.hosts}:
        name = records.cluster
        raise UsageError(
            f"cluster {name} is known here, and has some of these hosts",
            hint=f"take them out: sealer delete -n A,B {name}   take it away: sealer delete --all {name}",
        )


async def take_back(
    context: Context,
    records: ClusterRecords,
    operation: Operation,
    connections: Connections,
    redactor: Redactor,
) -> Summary:
    """Drive an operation that takes things back, and remember or forget the cluster accordingly.

    Raises:
        HostsFailed: Some hosts could not be brought back; the others are.
    """
    request = request_of(operation)
    spec = request.clusterfile.cluster
    only = noted(operation, TakenBack).target

    data = spec.data
    left = left_behind(context, operation, connections, data)
    taking = removal_plan(request.without_hosts(left))
    tasks = tasks_behind(context, records, only, taking, stamp=operation.id)
    plan = make_plan([*taking.steps, *tasks]) if tasks else taking
    make_applier = applying(context, data, operation, redactor)

    def make_visitor(events: EventSink, passing: Passing) -> Visitor:
        remover = Remover(data=data, operation=operation.id, events=events, redactor=redactor, only=only)
        applier = make_applier(events, passing)
        return Branching(default=remover, others={step.id: applier for step in tasks})

    def conclude() -> None:
        before = previous_state(records, only) if only is not None else None
        if only is not None:
            abandon(records.operation(only), state=ROLLED_BACK)
        if operation.verb == RESET and is_remembered(records):
            # These hosts had left the cluster before; it goes on without them.
            return
        if before is None:
            forget_state(records)
            _leave_registry(context, request)
        else:
            save_state(records, still_there(records, before))

    try:
        return await drive(context, operation, plan, connections, make_visitor, conclude=conclude)
    except HostsFailed as error:
        if operation.verb == DELETE:
            say_without_gone(error, f"sealer delete --all --force {spec.name}")
        raise


def tasks_behind(
    context: Context, records: ClusterRecords, only: str | None, taking: Plan, *, stamp: str
) -> tuple[Step, ...]:
    """Return the steps of what Clusterfiles have done once one operation is taken back.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        only: The operation that is taken back, or None for all.
        taking: The plan that takes things back.
        stamp: Different for each rollback.
    """
    again = previous_state(records, only) if only is not None else None
    return rollback_tasks(context, again, taking, stamp=stamp)


def of_hosts(summary: Summary) -> Summary:
    """Return how taking back went on hosts, without the tasks behind it."""
    mark = take_back_id("")
    return replace(summary, done={step: done for step, done in summary.done.items() if step.startswith(mark)})


def _leave_registry(context: Context, request: Request) -> None:
    """Clear away what was unpacked here to be pushed, and say that what was pushed stays."""
    spec = request.clusterfile.cluster
    if spec.external is not None:
        shutil.rmtree(operator_data(context.home, spec.name), ignore_errors=True)
        text = f"the container images stay in the registry {spec.external.netloc}: nothing is deleted there"
        context.events(Message(text=text))
