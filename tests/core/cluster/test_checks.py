"""Core's host checks, one fault at a time and all at once."""

from __future__ import annotations

import pytest

from sealer.cluster.checks import core_checks, judge, refuse
from sealer.errors import ChecksFailed
from sealer.model import Finding, Host, Platform, Severity

from .examples import AMD64, cluster, host


def findings(*hosts: Host, size: int = 1 << 30) -> tuple[Finding, ...]:
    names = [item.name for item in hosts]
    checks = core_checks(dict.fromkeys(names, AMD64), dict.fromkeys(names, size), "/var/lib/sealer")
    return judge(cluster(*hosts), checks)


def found(*hosts: Host, size: int = 1 << 30) -> set[tuple[str, str]]:
    return {(finding.check, finding.host) for finding in findings(*hosts, size=size)}


def test_good_hosts_pass() -> None:
    assert found(host(1, master=True), host(2), host(3)) == set()


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"clock_offset": 90.0}, "clock-skew"),
        ({"init": "openrc"}, "init-system"),
        ({"platform": Platform(architecture="arm64", variant="v8")}, "architecture"),
        ({"disk_free": 1 << 30}, "disk-space"),
        ({"answers": {"core/missing-programs": "tar\n"}}, "host-programs"),
        ({"answers": {"core/clusters": "/var/lib/sealer/old/journal\n"}}, "other-cluster"),
    ],
)
def test_a_fault_is_found_on_its_host(changes: dict[str, object], check: str) -> None:
    assert found(host(1, master=True), host(2, **changes), host(3)) == {(check, "10.0.0.2")}


def test_a_pattern_that_matches_nothing_is_no_cluster() -> None:
    assert found(host(1, master=True, answers={"core/clusters": "/var/lib/sealer/*/journal"})) == set()


def test_shared_names_are_found_on_all_that_share_them() -> None:
    assert found(host(1, master=True), host(2, hostname="n1"), host(3)) == {
        ("host-name-unique", "10.0.0.1"),
        ("host-name-unique", "10.0.0.2"),
    }


def test_all_faults_of_all_hosts_are_reported_together_and_warnings_do_not_stop() -> None:
    all_found = findings(
        host(1, master=True, init="openrc"), host(2, clock_offset=-300.0, machine_id="m1"), host(3)
    )
    with pytest.raises(ChecksFailed) as caught:
        refuse(all_found)
    text = str(caught.value)
    assert "10.0.0.1" in text
    assert "10.0.0.2" in text
    assert "300 s behind" in text
    refuse([finding for finding in all_found if finding.severity is Severity.WARNING])
