"""What differs from what a cluster is to be, on the hosts that can be reached."""

from __future__ import annotations

from sealer.cluster.comparison import compare
from sealer.cluster.install import Prepared
from sealer.cluster.session import Connections, Context
from sealer.cluster.status_report import Drift
from sealer.errors import HostError
from sealer.hosts.secret import Redactor
from sealer.model import OPERATOR
from sealer.operation.plan import Plan


async def look_at_drift(context: Context, prepared: Prepared, connections: Connections) -> Drift:
    """Compare the cluster's plan with the hosts that can be reached.

    Raises:
        HostError: A host was lost meanwhile.
    """
    reached = {host: found for host, found in connections.items() if not isinstance(found, HostError)}
    plan = comparable(prepared.plan, frozenset((*reached, OPERATOR)))
    steps = await compare(context, plan, prepared.cluster.data, reached, Redactor())
    compared = {step.id for step in plan.steps}
    unknown = dict.fromkeys(step.host for step in prepared.plan.steps if step.id not in compared)
    return Drift(steps=tuple(step for step in steps if step.changes), unknown=tuple(unknown))


def comparable(plan: Plan, hosts: frozenset[str]) -> Plan:
    """Return the steps of a plan on some hosts, without those that need values from others."""
    kept: dict[str, frozenset[str]] = {}
    steps = []
    # The plan's order puts every source before what uses it.
    for step in plan.steps:
        if step.host in hosts and all(source in kept for source, _ in step.uses()):
            kept[step.id] = plan.waits_for[step.id]
            steps.append(step)
    return Plan(steps=tuple(steps), waits_for={step: waits & kept.keys() for step, waits in kept.items()})
