"""A plan compared with the live hosts: what each step would change, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from sealer.changes.report import ScriptReport
from sealer.cluster.outlook import PlannedChange, PlannedStep
from sealer.cluster.session import Connections, Context, and_operator, require_all
from sealer.events import discard
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import OPERATOR, Step, show
from sealer.operation.places import operator_data
from sealer.operation.plan import Plan
from sealer.operation.visit import Applier, known_or_shown


async def compare(
    context: Context, plan: Plan, data: str, connections: Connections, redactor: Redactor
) -> tuple[PlannedStep, ...]:
    """Observe all hosts, and say what each step of a plan would change. Nothing is changed.

    Args:
        context: What a verb needs from outside.
        plan: The plan.
        data: The cluster's directory on hosts.
        connections: To all hosts of the plan.
        redactor: Takes secrets out of what hosts print.

    Raises:
        HostError: A host can't be reached or asked.
    """
    on_hosts = Applier(
        data=data,
        operation="plan",
        blobs=context.store,
        uploads=asyncio.Semaphore(1),
        events=discard,
        redactor=redactor,
        fetch=context.fetch_secret,
    )
    # The cluster's directory is called as the cluster.
    here = replace(on_hosts, data=operator_data(context.home, PurePosixPath(data).name))
    async with and_operator(plan, require_all(connections)) as everywhere:
        return await _compare(context, plan, {OPERATOR: here}, on_hosts, require_all(everywhere))


async def _compare(
    context: Context,
    plan: Plan,
    elsewhere: Mapping[str, Applier],
    on_hosts: Applier,
    connections: Mapping[str, Connection],
) -> tuple[PlannedStep, ...]:
    gate = asyncio.Semaphore(context.concurrency)
    values: dict[tuple[str, str], str] = {}
    looks: dict[str, asyncio.Task[ScriptReport]] = {}

    async def look(step: Step) -> ScriptReport:
        # Only values are waited for: what a step's changes say may depend on them.
        await asyncio.gather(*{looks[source] for source, _ in step.uses()})
        async with gate:
            applier = elsewhere.get(step.host, on_hosts)
            report = await applier.look(step, connections[step.host], known_or_shown(step, values))
        values.update({(step.id, key): text for key, text in report.values})
        return report

    # The plan's order puts every source before what uses it.
    for step in plan.steps:
        looks[step.id] = asyncio.create_task(look(step))
    try:
        reports = await asyncio.gather(*looks.values())
    except BaseException:
        for task in looks.values():
            task.cancel()
        await asyncio.gather(*looks.values(), return_exceptions=True)
        raise
    return tuple(
        PlannedStep(step=step.id, title=step.title, host=step.host, changes=_needed(step, report))
        for step, report in zip(plan.steps, reports, strict=True)
    )


def _needed(step: Step, report: ScriptReport) -> tuple[PlannedChange, ...]:
    return tuple(
        PlannedChange(change=show(step.changes[change.index].describe()), reason=change.reason)
        for change in report.changes
        if change.state == "needed"
    )
