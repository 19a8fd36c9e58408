"""Checking a cluster that runs: its services, nodes and pods, its names and its registry."""

from __future__ import annotations

from dataclasses import replace

from sealer.cluster.catalogue import catalogue
from sealer.cluster.checking import Observed, Report, observe_each, worst_first
from sealer.cluster.checks import access_findings, judge, leave_out
from sealer.cluster.examination import ask_again, health_checks
from sealer.cluster.install import Prepared, prepare_again
from sealer.cluster.session import Connections, Context, reach
from sealer.cluster.state import require_state
from sealer.hosts.secret import Redactor
from sealer.kubernetes.health import Kubectl, cluster_health
from sealer.model import Check, Cluster, Facts, Finding, Severity
from sealer.operation.records import ClusterRecords


async def check_health(context: Context, records: ClusterRecords, ignore: tuple[str, ...] = ()) -> Report:
    """Make the checks of a running cluster, in two round trips to each host. Nothing is changed.

    Hosts that can't be reached are findings; the others are checked.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        ignore: The ids of checks to leave out.

    Raises:
        UsageError: A check can't be ignored.
        SealerError: Nothing is known of the cluster, nothing is installed, or its image is gone.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    listed = [entry.check for entry in catalogue(context.plugins)] if ignore else []
    checks = leave_out(running_checks(context, prepared), ignore, known=listed)
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        findings = await examine(context, prepared, checks, connections)
    return Report(
        hosts=tuple(host.address for host in request.clusterfile.cluster.hosts),
        checks=checks,
        findings=findings,
        ignored=ignore,
        mends=(),
        request=request,
    )


def running_checks(context: Context, prepared: Prepared) -> tuple[Check, ...]:
    """Return all checks of a running cluster."""
    kubectl = Kubectl(
        kubeconfig=prepared.parts.runtime.kubeconfig_path(prepared.cluster),
        programs=f"{prepared.cluster.rootfs}/bin",
    )
    return health_checks(context.plugins, prepared.parts, prepared.cluster, cluster_health(kubectl))


async def examine(
    context: Context, prepared: Prepared, checks: tuple[Check, ...], connections: Connections
) -> tuple[Finding, ...]:
    """Ask the hosts that can be reached, and return what the checks find, the worst first."""
    cluster = prepared.cluster
    asked = [probe for check in checks for probe in check.probes()]
    probes = tuple({probe.name: probe for probe in asked}.values())
    found = await observe_each(context, connections, probes, cluster.data_root)
    seen = as_seen(cluster, found)
    seen = await ask_again(seen, checks, found.connections)
    failures = dict(found.failures)
    judged = [
        finding
        for finding in judge(seen, checks)
        if finding.host not in failures or finding.severity is not Severity.NOT_CHECKED
    ]
    return worst_first([*access_findings(failures), *judged])


def as_seen(cluster: Cluster, found: Observed) -> Cluster:
    """Return a cluster with what its hosts answered now; hosts that can't be reached have no answers."""

    def facts(name: str, before: Facts) -> Facts:
        return found.facts.get(name) or replace(before, answers={})

    return replace(
        cluster,
        hosts=tuple(replace(host, facts=facts(host.name, host.facts)) for host in cluster.hosts),
    )
