"""What ``sealer check`` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealer.changes import Sysctl
from sealer.cli.check import report_text
from sealer.cli.program import run
from sealer.cluster.checking import Report
from sealer.cluster.mending import Mend
from sealer.cluster.request import Request
from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.model import Finding, Severity

EMPTY = Request.of_hosts(Clusterfile(cluster=ClusterSpec()))


def finding(check: str, host: str, severity: Severity, found: str = "it is bad") -> Finding:
    return Finding(check=check, host=host, severity=severity, found=found, wanted="good", mend="do it")


def report(*findings: Finding, mends: tuple[Mend, ...] = ()) -> Report:
    hosts = ("n1", "n2", "n3")
    return Report(hosts=hosts, checks=(), findings=findings, ignored=(), mends=mends, request=EMPTY)


def test_hosts_with_the_same_finding_share_it() -> None:
    text = report_text(
        report(
            finding("a", "n1", Severity.ERROR),
            finding("a", "n3", Severity.ERROR),
            finding("b", "n2", Severity.WARNING),
            finding("c", "n1", Severity.WARNING),
            finding("c", "n3", Severity.WARNING),
            finding("d", "n2", Severity.NOT_CHECKED, "no answer"),
        )
    )
    assert text.splitlines() == [
        "n1, n3",
        "  error        a",
        "      found   it is bad",
        "      wanted  good",
        "      mend    do it",
        "  warning      c",
        "      found   it is bad",
        "      wanted  good",
        "      mend    do it",
        "",
        "n2",
        "  warning      b",
        "      found   it is bad",
        "      wanted  good",
        "      mend    do it",
        "  not checked  d",
        "      reason  no answer",
        "",
        "unfit: 2 errors, 3 warnings, 1 not checked; 0 checks on 3 hosts",
    ]


def test_warnings_and_what_was_not_checked_leave_hosts_fit() -> None:
    found = report(finding("a", "n1", Severity.WARNING), finding("b", "n1", Severity.NOT_CHECKED))
    assert found.fit
    assert report_text(found).splitlines()[-1].startswith("fit: 0 errors, 1 warning, 1 not checked")
    assert not report(finding("a", "n1", Severity.ERROR)).fit


def test_what_can_be_mended_is_marked_for_people_and_programs() -> None:
    bad = finding("a", "n1", Severity.WARNING)
    found = report(bad, mends=(Mend(finding=bad, changes=(Sysctl(name="x", value="1"),)),))
    assert "do it   (sealer check --fix does it)" in report_text(found)
    (item,) = json.loads(json.dumps(found.to_plain()))["findings"]
    assert item["mendable"] is True


def test_the_catalogue_is_printed_without_any_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--list", "-o", "json"]) == 0
    entries = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["clock-skew"]["severity"] == "error"
    assert entries["other-cluster"]["reason"]
    assert entries["inotify"]["mend"] == "--fix"


def test_hosts_must_be_given(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALER_HOME", "/nonexistent")
    assert run(["check"]) == 2
    assert "no hosts are given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ignored", "said"),
    [("other-cluster", "take back each other's changes"), ("clok-skew", "did you mean clock-skew?")],
)
def test_what_can_not_be_ignored_is_refused_before_any_host_is_reached(
    ignored: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEALER_HOME", str(tmp_path))
    assert run(["check", "-m", "192.0.2.1", "--ignore", f"time-zone, {ignored}"]) == 2
    assert said in capsys.readouterr().err
