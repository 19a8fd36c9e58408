"""Judges hosts by their answers, and says what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sealer.errors import ChecksFailed
from sealer.model import Check, Cluster, Finding, Severity

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOT_CHECKED: 2}


def judge(cluster: Cluster, checks: Sequence[Check]) -> tuple[Finding, ...]:
    """Return what all checks find: errors first, then warnings, then what could not be checked."""
    findings = [finding for check in checks for finding in check.evaluate(cluster)]
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


def refuse(findings: Sequence[Finding]) -> None:
    """Raise what was found, if any of it is an error.

    Raises:
        ChecksFailed: With one line for each finding; hosts with the same one share it.
    """
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if not errors:
        return
    lines = [describe_finding(finding, hosts) for finding, hosts in group(errors)]
    count = f"{len(errors)} host check{'s' * (len(errors) > 1)} failed; nothing was changed"
    raise ChecksFailed(
        "\n  ".join([count, *lines]), hint="mend these and run the same command again; see also: sealer check"
    )


def group(findings: Sequence[Finding]) -> tuple[tuple[Finding, tuple[str, ...]], ...]:
    """Return findings that say the same once, each with its hosts, in order of appearance."""
    hosts: dict[tuple[str, ...], list[str]] = defaultdict(list)
    first: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        key = (finding.check, finding.severity, finding.found, finding.wanted, finding.mend)
        first.setdefault(key, finding)
        hosts[key].append(finding.host)
    return tuple((finding, tuple(dict.fromkeys(hosts[key]))) for key, finding in first.items())


def describe_finding(finding: Finding, hosts: Sequence[str] = ()) -> str:
    """Return one line about a finding on its host, or on all hosts that have it."""
    where = ", ".join(hosts or (finding.host,))
    if finding.severity is Severity.NOT_CHECKED:
        return f"{where}: not checked: {finding.wanted}: {finding.found} [{finding.check}]"
    return f"{where}: {finding.found}; wanted: {finding.wanted} [{finding.check}: {finding.mend}]"
