"""Mending what checks found, as an operation that is written down on the hosts and can be taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sealer.changes import Change
from sealer.cluster.catalogue import catalogue
from sealer.cluster.install import require_mended_hosts
from sealer.cluster.kinds import Kind, leave_state
from sealer.cluster.outlook import Outlook, PlannedChange, PlannedStep
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.session import Context, reach
from sealer.cluster.state import load_own_state, load_state, save_state
from sealer.cluster.view import bare_view
from sealer.hosts.secret import Redactor
from sealer.model import Check, Finding, Severity, Step, at
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation

FIX = "fix"
"""The verb of operations that mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What is recorded of an operation that mends, beside the request: what was found."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """The changes to its host that mend a finding."""

    finding: Finding
    changes: tuple[Change, ...]


def mends_for(checks: Iterable[Check], request: Request, findings: Sequence[Finding]) -> tuple[Mend, ...]:
    """Return what can be mended; hosts that were not observed can't."""
    if not request.facts:
        return ()
    by_id = {check.id: check for check in checks}
    cluster = bare_view(request.clusterfile, request.facts)
    mends = [
        Mend(finding=finding, changes=by_id[finding.check].mend(cluster, finding))
        for finding in findings
        if finding.check in by_id and finding.severity is not Severity.NOT_CHECKED
    ]
    return tuple(mend for mend in mends if mend.changes)


async def mend_hosts(context: Context, request: Request, mends: Sequence[Mend]) -> Summary:
    """Mend what was found. The hosts are remembered, so that it can be taken back.

    Args:
        context: What a verb needs from outside.
        request: The hosts that were checked, with what was observed.
        mends: What to do.

    Raises:
        OperationLocked: Another operation on the cluster is open.
        HostsFailed: Some hosts could not be mended; the operation can be resumed.
    """
    spec = request.clusterfile.cluster
    records = ClusterRecords(context.home, spec.name)
    redactor = Redactor()
    with records.lock(FIX):
        records.require_none_open()
        state = load_own_state(records)
        if state is not None and not state.is_installed:
            require_mended_hosts(state.clusterfile, request.clusterfile)
        plain = {**request.to_plain(), **asdict(Mended(findings=tuple(mend.finding for mend in mends)))}
        operation = records.begin(FIX, plain, before=None if state is None else state.to_plain())
        async with reach(context, spec, redactor) as connections:
            return await MENDING.carry_on(context, records, operation, connections, redactor)


def plan_of_mending(context: Context, operation: Operation) -> Plan:
    """Return the plan of an operation that mends.

    Raises:
        SealerError: Its record is damaged, or a plugin is missing.
    """
    request = request_of(operation)
    findings = noted(operation, Mended).findings
    checks = [entry.check for entry in catalogue(context.plugins)]
    return mending_plan(mends_for(checks, request, findings))


def _remember_hosts(records: ClusterRecords, request: Request) -> None:
    """Remember the hosts of a cluster that is not installed, so that what was mended can be taken back."""
    state = load_state(records)
    if state is None or not state.is_installed:
        save_state(records, request)


MENDING = Kind(verb=FIX, plan=plan_of_mending, begun=_remember_hosts, done=leave_state)


def mending_outlook(cluster: str, mends: Sequence[Mend]) -> Outlook:
    """Say what mending would do, with what was found as the reasons."""
    reasons = {
        (mend.finding.host, change.key): f"{mend.finding.found} ({mend.finding.check})"
        for mend in reversed(mends)
        for change in mend.changes
    }
    plan = mending_plan(mends)
    steps = tuple(
        PlannedStep(
            step=step.id,
            title=step.title,
            host=step.host,
            changes=tuple(
                PlannedChange(change=change.describe(), reason=reasons[step.host, change.key])
                for change in step.changes
            ),
        )
        for step in plan.steps
    )
    return Outlook(verb=FIX, cluster=cluster, image="", hosts=plan.hosts, steps=steps)


def mending_plan(mends: Sequence[Mend]) -> Plan:
    """Return the plan that mends: a step for each host, each change once."""
    changes: dict[str, dict[str, Change]] = defaultdict(dict)
    for mend in mends:
        for change in mend.changes:
            changes[mend.finding.host].setdefault(change.key, change)
    return make_plan(
        [
            Step(id=at(FIX, host), title="mend what checks found", host=host, changes=tuple(own.values()))
            for host, own in changes.items()
        ]
    )
