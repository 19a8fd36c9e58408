"""The other verbs: resume, delete, status, kubeconfig, and looking at a plan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sealer.changes.script import ScriptReport
from sealer.cluster.install import Prepared, Wish, carry_out, prepare, prepare_again
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, drive, reach, require_all
from sealer.cluster.state import forget_state, require_state
from sealer.clusterfile.flags import require_master
from sealer.errors import HostError, SealerError
from sealer.events import EventSink, discard
from sealer.hosts.secret import Redactor
from sealer.image.pull import ensure
from sealer.model import Step
from sealer.operation.engine import Summary
from sealer.operation.journal import Journal
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation
from sealer.operation.visit import Applier, Remover, known_or_shown

DELETE = "delete"


async def resume(context: Context, records: ClusterRecords) -> Summary:
    """Go on with the operation that is open.

    Raises:
        SealerError: No operation is open, or whatever stands in the way.
    """
    redactor = Redactor()
    with records.lock("resume"):
        operation = records.open_operation()
        if operation is None:
            raise SealerError(f"no operation on cluster {records.cluster} is open: nothing to resume")
        request = Request.from_plain(operation.request, str(operation.directory))
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            if operation.verb == DELETE:
                return await _remove(context, records, operation, request, connections)
            prepared = prepare_again(context, request)
            return await carry_out(context, operation, prepared, connections, redactor)


async def delete(context: Context, records: ClusterRecords) -> Summary:
    """Take a cluster away from all its hosts, also one that was made only in part.

    Raises:
        HostsFailed: Some hosts could not be cleaned; the others are.
    """
    redactor = Redactor()
    with records.lock(DELETE):
        request = require_state(records)
        open_operation = records.open_operation()
        if open_operation is not None:
            with Journal(open_operation.journal) as journal:
                journal.finished("aborted")
        operation = records.begin(DELETE, request.to_plain())
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            return await _remove(context, records, operation, request, connections)


async def _remove(
    context: Context,
    records: ClusterRecords,
    operation: Operation,
    request: Request,
    connections: Connections,
) -> Summary:
    spec = request.clusterfile.cluster
    data = f"{spec.data_root}/{spec.name}"

    def make_visitor(events: EventSink) -> Remover:
        return Remover(data=data, operation=operation.id, events=events)

    summary = await drive(context, operation, removal_plan(request), connections, make_visitor)
    forget_state(records)
    return summary


def removal_plan(request: Request) -> Plan:
    """Return the plan of a deletion: every host takes back what its journal holds, all at once."""
    steps = [
        Step(
            id=f"{DELETE}@{host.address}",
            title="take back what was changed",
            host=host.address,
            changes=(),
            timeout=1800,
        )
        for host in request.clusterfile.cluster.hosts
    ]
    return make_plan(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step of a plan, with what observing its host says about it.

    Attributes:
        step: The step.
        needed: What would be changed, and why, in order.
    """

    step: Step
    needed: tuple[tuple[str, str], ...]


async def look(context: Context, wish: Wish) -> tuple[PlannedStep, ...]:
    """Plan, and compare with the live hosts. Nothing is changed, neither there nor here.

    Raises:
        SealerError: As for an installation.
    """
    require_master(wish.clusterfile.cluster)
    records = ClusterRecords(context.home, wish.clusterfile.cluster.name)
    redactor = Redactor()
    await ensure(context.store, wish.reference, sink=context.events)
    async with reach(context, wish.clusterfile.cluster, redactor) as connections:
        prepared = await prepare(context, records, wish, connections)
        return await _compare(context, prepared, connections, redactor)


async def _compare(
    context: Context, prepared: Prepared, connections: Connections, redactor: Redactor
) -> tuple[PlannedStep, ...]:
    applier = Applier(
        data=prepared.cluster.data,
        operation="plan",
        blobs=context.store,
        uploads=asyncio.Semaphore(1),
        events=discard,
        redactor=redactor,
    )
    reachable = require_all(connections)
    gate = asyncio.Semaphore(context.concurrency)
    values: dict[tuple[str, str], str] = {}
    looks: dict[str, asyncio.Task[ScriptReport]] = {}

    async def compare(step: Step) -> ScriptReport:
        # Only values are waited for: what a step's changes say may depend on them.
        await asyncio.gather(*{looks[source] for source, _ in step.uses()})
        async with gate:
            report = await applier.look(step, reachable[step.host], known_or_shown(step, values))
        values.update({(step.id, key): text for key, text in report.values})
        return report

    # The plan's order puts every source before what uses it.
    for step in prepared.plan.steps:
        looks[step.id] = asyncio.create_task(compare(step))
    try:
        reports = await asyncio.gather(*looks.values())
    except BaseException:
        for task in looks.values():
            task.cancel()
        await asyncio.gather(*looks.values(), return_exceptions=True)
        raise
    return tuple(
        PlannedStep(step=step, needed=_needed(step, report))
        for step, report in zip(prepared.plan.steps, reports, strict=True)
    )


def _needed(step: Step, report: ScriptReport) -> tuple[tuple[str, str], ...]:
    return tuple(
        (step.changes[change.index].describe(), change.reason)
        for change in report.changes
        if change.state == "needed"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cluster as it is.

    Attributes:
        request: What is remembered of it.
        operation: The newest operation, with ``done``, ``aborted`` or None when it is open.
        hosts: Why a host can't be reached, or "" when it can, by address.
        nodes: What the API server says of each node, or None when it doesn't answer.
    """

    request: Request
    operation: tuple[str, str | None]
    hosts: Mapping[str, str]
    nodes: tuple[Mapping[str, Any], ...] | None


async def status(context: Context, records: ClusterRecords) -> Status:
    """Ask the hosts and the API server how they are.

    Raises:
        SealerError: Nothing is known of the cluster.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    newest = records.operations()[-1]
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        unreachable = {
            host: str(found) if isinstance(found, HostError) else "" for host, found in connections.items()
        }
        nodes = await _nodes(prepared, connections)
    return Status(
        request=request,
        operation=(newest.id, newest.history().finished),
        hosts=unreachable,
        nodes=nodes,
    )


async def _nodes(prepared: Prepared, connections: Connections) -> tuple[Mapping[str, Any], ...] | None:
    connection = connections[prepared.cluster.first_master.name]
    if isinstance(connection, HostError):
        return None
    path = prepared.parts.runtime.kubeconfig_path(prepared.cluster)
    script = (
        f'PATH="{prepared.cluster.rootfs}/bin:$PATH"\n'
        f"kubectl --kubeconfig '{path}' get nodes -o json --request-timeout=20s"
    )
    try:
        result = await connection.run_script(script, timeout=60)
        return tuple(json.loads(result.stdout)["items"]) if result.succeeded else None
    except (HostError, ValueError, KeyError):
        return None


async def kubeconfig(context: Context, records: ClusterRecords) -> str:
    """Return the administrator's kubeconfig, pointing to the first master's address.

    Raises:
        HostError: The first master can't be reached, or has none.
        SealerError: It is no kubeconfig.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    first = prepared.cluster.first_master
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        connection = connections[first.name]
        if isinstance(connection, HostError):
            raise connection
        text = await connection.read_file(prepared.parts.runtime.kubeconfig_path(prepared.cluster))
    return point_to(text.decode(), first.address)


def point_to(text: str, address: str) -> str:
    """Return a kubeconfig whose servers are at another address, on the port they had.

    Names inside the cluster, which only its hosts resolve, are of no use elsewhere.

    Raises:
        SealerError: The text is no kubeconfig.
    """
    try:
        content = yaml.safe_load(text)
        for entry in content["clusters"]:
            scheme, _, rest = entry["cluster"]["server"].partition("://")
            port = rest.rpartition(":")[2]
            host = f"[{address}]" if ":" in address else address
            entry["cluster"]["server"] = f"{scheme}://{host}:{port}"
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SealerError("what the first master keeps as kubeconfig is none") from error
    return yaml.safe_dump(content, sort_keys=False)
