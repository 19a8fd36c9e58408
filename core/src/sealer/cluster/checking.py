"""Checking hosts on their own: all checks on all hosts at once, with or without an image."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sealer.cluster.catalogue import catalogue
from sealer.cluster.checks import Given, Room, access_findings, judge, leave_out
from sealer.cluster.examination import all_checks, ask_again, first_probes, given_by
from sealer.cluster.image_files import planned_image
from sealer.cluster.image_plugins import all_plugins
from sealer.cluster.images import available, available_on, images_for_hosts, platforms_in
from sealer.cluster.mending import Mend, mends_for
from sealer.cluster.parts import Parts, choose_parts
from sealer.cluster.request import ImageChoice, Request
from sealer.cluster.session import Connections, Context, reach
from sealer.cluster.state import load_state
from sealer.cluster.view import bare_view, cluster_view
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import require_master
from sealer.errors import HostError, UsageError
from sealer.hosts.connection import Connection
from sealer.hosts.facts import observe
from sealer.hosts.secret import Redactor
from sealer.model import Check, Cluster, Facts, Finding, ImageMetadata, ImageType, Probe, Severity
from sealer.operation.records import ClusterRecords

_ORDER = {severity: number for number, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the user wants checked.

    Attributes:
        clusterfile: The hosts.
        reference: The name of the cluster image that they are to run, or "" to check what needs none.
        ignore: The ids of checks to leave out.
    """

    clusterfile: Clusterfile
    reference: str = ""
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What all checks said about all hosts.

    Attributes:
        hosts: The hosts, in order.
        checks: Those that were made.
        findings: Errors first, then warnings, then what could not be checked.
        ignored: The ids of the checks that were left out by the user.
        mends: What of it can be mended.
        request: The hosts that answered, with what was observed.
    """

    hosts: tuple[str, ...]
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[str, ...]
    mends: tuple[Mend, ...]
    request: Request

    @property
    def fit(self) -> bool:
        """Whether no check found an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        mendable = {(mend.finding.check, mend.finding.host) for mend in self.mends}
        return {
            "fit": self.fit,
            "hosts": list(self.hosts),
            "checks": [check.id for check in self.checks],
            "ignored": list(self.ignored),
            "findings": [
                {
                    "check": finding.check,
                    "host": finding.host,
                    "severity": str(finding.severity),
                    "found": finding.found,
                    "wanted": finding.wanted,
                    "mend": finding.mend,
                    "mendable": (finding.check, finding.host) in mendable,
                }
                for finding in self.findings
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Hosts that answered, and why others did not."""

    connections: Mapping[str, Connection]
    facts: Mapping[str, Facts]
    failures: Mapping[str, HostError]


async def check_hosts(context: Context, question: Question) -> Report:
    """Make all checks on all hosts, in two round trips each; hosts that can't be used are findings.

    Raises:
        UsageError: No hosts are given, the image is no cluster image, or a check can't be ignored.
        SealerError: The image or a plugin can't be used.
    """
    clusterfile = question.clusterfile
    spec = clusterfile.cluster
    if not spec.hosts:
        raise UsageError("no hosts are given", hint="sealer check -m A -n B,C, or -f Clusterfile")
    image = await _image(context, question)
    parts = choose_parts(image, context.plugins, spec, context.home) if image else None
    listed = [entry.check for entry in catalogue(context.plugins)] if question.ignore else []
    leave_out((), question.ignore, known=listed)
    probes = first_probes(context.plugins, parts, spec.data_root)
    async with reach(context, spec, Redactor()) as connections:
        found = await observe_each(context, connections, probes, spec.data_root)
        usable = replace(
            clusterfile,
            cluster=replace(spec, hosts=tuple(host for host in spec.hosts if host.address in found.facts)),
        )
        findings = list(access_findings(found.failures))
        checks: tuple[Check, ...] = ()
        if found.facts:
            if parts is not None:
                await available_on(context, question.reference, platforms_in(found.facts))
            cluster, candidates, unmade = _prepare(context, question, usable, found.facts, parts)
            checks = leave_out(candidates, question.ignore, known=listed)
            cluster = await ask_again(cluster, checks, found.connections)
            findings += [*judge(cluster, checks), *unmade]
    choice = ImageChoice(reference=question.reference, digests={})
    request = Request(clusterfile=usable, image=choice, facts=found.facts)
    return Report(
        hosts=tuple(host.address for host in spec.hosts),
        checks=checks,
        findings=worst_first(findings),
        ignored=question.ignore,
        mends=mends_for(checks, request, findings),
        request=request,
    )


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with errors first, then warnings, then what could not be checked."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


async def _image(context: Context, question: Question) -> ImageMetadata | None:
    if not question.reference:
        return None
    require_master(question.clusterfile.cluster)
    image = (await available(context, question.reference)).metadata
    if image.type is not ImageType.CLUSTER:
        raise UsageError(
            f"{question.reference} is an application image: it asks nothing of hosts",
            hint="leave it out, or name a cluster image",
        )
    return image


async def observe_each(
    context: Context, connections: Connections, probes: tuple[Probe, ...], data_root: str
) -> Observed:
    """Observe the hosts that can be reached, in one round trip each."""
    gate = asyncio.Semaphore(context.concurrency)

    async def attempt(connection: Connection | HostError) -> Facts | HostError:
        if isinstance(connection, HostError):
            return connection
        async with gate:
            try:
                return await observe(connection, probes=probes, data_root=data_root)
            except HostError as error:
                return error

    answers = await asyncio.gather(*(attempt(connection) for connection in connections.values()))
    outcomes = dict(zip(connections, answers, strict=True))
    facts = {host: found for host, found in outcomes.items() if not isinstance(found, HostError)}
    return Observed(
        connections={
            host: found
            for host, found in connections.items()
            if host in facts and not isinstance(found, HostError)
        },
        facts=facts,
        failures={host: found for host, found in outcomes.items() if isinstance(found, HostError)},
    )


def _prepare(
    context: Context,
    question: Question,
    usable: Clusterfile,
    facts: Mapping[str, Facts],
    parts: Parts | None,
) -> tuple[Cluster, tuple[Check, ...], Sequence[Finding]]:
    """Return the view of the hosts that answered, the checks to make, and those that can't be made."""
    state = load_state(ClusterRecords(context.home, usable.cluster.name))
    own = usable.cluster.name if state is not None else ""
    if parts is not None and usable.cluster.masters:
        ordered = {host.address: facts[host.address] for host in usable.cluster.hosts}
        first = usable.cluster.masters[0].address
        images = images_for_hosts(context.store, question.reference, {first: ordered[first], **ordered})
        image = planned_image(context.store, images, parts)
        plugins = all_plugins(context.store, images.main, usable)
        cluster = cluster_view(usable, image, facts, parts, plugins)
        given = given_by(cluster, images, parts, own=own)
        # Hosts of a cluster that exists have the image already.
        there = state.facts if state is not None and state.is_installed else {}
        nothing = Room(data=0, containers=0)
        given = replace(given, rooms={**given.rooms, **dict.fromkeys(set(there) & set(given.rooms), nothing)})
        return cluster, all_checks(context.plugins, parts, cluster, given), ()
    cluster = bare_view(usable, facts)
    given = Given(data_root=cluster.data_root, own=own)
    made = [check for check in all_checks(context.plugins, None, cluster, given) if not check.needs_image]
    if parts is None:
        return cluster, tuple(made), ()
    done = {check.id for check in made}
    wanted = all_checks(context.plugins, parts, cluster, given)
    master = question.clusterfile.cluster.masters[0].address
    unmade = [
        check.not_checked(master, "no master could be reached") for check in wanted if check.id not in done
    ]
    return cluster, tuple(made), unmade
