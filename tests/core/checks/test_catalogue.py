"""The catalogue of checks: complete, listed in the documentation, and strict where that is said."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import sealer_container_containerd
import sealer_container_docker
import sealer_registry_distribution
import sealer_runtime_k8s
from sealer import hookimpl
from sealer.cluster.catalogue import Entry, catalogue
from sealer.cluster.checking import Report
from sealer.cluster.checks import access_findings, core_checks, leave_out
from sealer.cluster.request import Request
from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.errors import (
    AuthenticationFailed,
    HostError,
    HostKeyRejected,
    HostUnreachable,
    PrivilegesRefused,
    UsageError,
)
from sealer.model import Check, Cluster, Finding, Severity
from sealer.plugins import Plugins
from sealer.providers import HostChecks

PAGE = Path(__file__).parents[3] / "docs/checks.md"
BUILT_IN = Plugins.of(
    sealer_runtime_k8s, sealer_container_containerd, sealer_container_docker, sealer_registry_distribution
)
BEGIN, END = "<!-- catalogue: written by the tests with UPDATE_GOLDEN=1 -->\n", "<!-- end -->"


class NoProxy(Check):
    id = "acme-no-proxy"
    title = "no proxy is set"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        return ()


class AgentRuns(NoProxy):
    id = "acme-agent"
    title = "the agent runs"


class Rules(HostChecks):
    name = "acme"

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return (NoProxy(),)

    def health(self, cluster: Cluster) -> Iterable[Check]:
        return (AgentRuns(),)


class Plugin:
    @hookimpl
    def sealer_checks(self) -> Iterable[HostChecks]:
        return (Rules(),)


def row(entry: Entry) -> str:
    check = entry.check
    notes = ["strict: " + check.strict] if check.strict else []
    notes += ["`--fix`"] if entry.is_mendable else []
    notes += ["needs an image"] if check.needs_image else []
    notes += ["`--post`"] if entry.running else []
    return f"| `{check.id}` | {check.severity} | {entry.subject} | {check.title} | {'; '.join(notes)} |"


def table() -> str:
    lines = ["", "| id | severity | subject | what holds | |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *(row(entry) for entry in catalogue(BUILT_IN)), "", ""])


def test_the_page_has_all_checks_of_core_and_of_the_built_in_plugins() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    expected = before + BEGIN + table() + END + after
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(expected, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == expected


def test_the_page_has_all_fields_of_a_report() -> None:
    text = PAGE.read_text()
    table = text[text.index("<!-- fields:") : text.index("<!-- end of fields -->")]
    finding = Finding(check="a", host="n1", severity=Severity.ERROR, found="b", wanted="c", mend="d")
    request = Request.of_hosts(Clusterfile(cluster=ClusterSpec()))
    report = Report(hosts=(), checks=(), findings=(finding,), ignored=(), mends=(), request=request)
    plain = report.to_plain()
    (shown,) = plain["findings"]
    assert re.findall(r"^\| `([^`]*)`", table, re.MULTILINE) == [
        *plain,
        *(f"findings[].{name}" for name in shown),
    ]


def test_ids_are_unique_and_written_alike() -> None:
    ids = [entry.check.id for entry in catalogue(BUILT_IN)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ids)


def test_checks_of_plugins_carry_the_name_of_what_they_are_about() -> None:
    prefixes = {entry.check.id.split("-")[0] for entry in catalogue(BUILT_IN) if entry.provider != "core"}
    assert prefixes == {"kubernetes", "containerd", "docker", "registry"}


def test_a_plugin_adds_checks_through_the_hook() -> None:
    found = [entry for entry in catalogue(Plugins.of(Plugin())) if entry.provider == "acme"]
    assert [(entry.check.id, entry.subject, entry.running) for entry in found] == [
        ("acme-no-proxy", "acme", False),
        ("acme-agent", "acme", True),
    ]


def test_a_check_can_be_left_out() -> None:
    remaining = {check.id for check in leave_out(core_checks(), ("clock-skew", "inotify"))}
    assert {check.id for check in core_checks()} - remaining == {"clock-skew", "inotify"}


@pytest.mark.parametrize("check", [check for check in core_checks() if check.strict], ids=lambda c: c.id)
def test_a_strict_check_can_not_and_the_reason_is_told(check: Check) -> None:
    with pytest.raises(UsageError) as caught:
        leave_out(core_checks(), (check.id,))
    assert check.strict in caught.value.message


def test_a_check_that_does_not_exist_can_not_be_left_out() -> None:
    with pytest.raises(UsageError) as caught:
        leave_out(core_checks(), ("clok-skew",))
    assert caught.value.hint == "did you mean clock-skew?"


def test_a_check_that_is_not_made_this_time_may_be_named() -> None:
    known = [entry.check for entry in catalogue(BUILT_IN)]
    assert len(leave_out(core_checks(), ("kubernetes-swap",), known=known)) == len(core_checks())


@pytest.mark.parametrize(
    ("error", "check"),
    [
        (HostUnreachable("no route", host="n1", hint="look"), "ssh-reachable"),
        (HostKeyRejected("changed", host="n1", hint="look"), "ssh-host-key"),
        (AuthenticationFailed("refused", host="n1", hint="look"), "ssh-login"),
        (PrivilegesRefused("sudo: sorry, you must have a tty", host="n1", hint="look"), "sudo-policy"),
        (HostError("makes no sense", host="n1"), "host-observable"),
    ],
)
def test_what_goes_wrong_while_connecting_is_a_finding(error: HostError, check: str) -> None:
    (finding,) = access_findings({"n1": error})
    assert (finding.check, finding.host, finding.severity) == (check, "n1", Severity.ERROR)
    assert finding.found == error.message
    assert finding.mend
