"""Ways between hosts: what is asked of whom, and what the answers mean."""

from __future__ import annotations

import pytest

from sealer.cluster.checks import PortsReachable, core_checks
from sealer.model import Cluster, Traffic
from tests.core.checks.examples import findings, given, machine, only, said, site
from tests.core.cluster.examples import cluster


def ports(view: Cluster, **more: object) -> PortsReachable:
    (check,) = [c for c in core_checks(given(view, **more)) if isinstance(c, PortsReachable)]  # type: ignore[arg-type]
    return check


def test_only_hosts_with_targets_are_asked_and_only_targets_listen() -> None:
    view = site()
    first, second, _ = view.hosts
    assert ports(view).listens(view, first) == ("5000",)
    assert ports(view).listens(view, second) == ()
    assert ports(view).probes_for(view, first) == ()
    (probe,) = ports(view).probes_for(view, second)
    assert "for way in 10.0.0.1,5000; do" in probe.script


def test_a_host_alone_is_asked_nothing_again() -> None:
    view = cluster(machine(1))
    assert [check.probes_for(view, view.hosts[0]) for check in core_checks(given(view))] == [()] * len(
        core_checks()
    )
    assert findings(view) == ()


@pytest.mark.parametrize(("state", "why"), [("silent", "no answer"), ("unreachable", "no route")])
def test_a_port_that_is_not_reached_is_told_of_the_host_that_listens(state: str, why: str) -> None:
    finding = only(site(answers={"core/reached": f"10.0.0.1 5000 {state}\nend"}))
    assert (finding.check, finding.host, finding.severity) == ("ports-reachable", "10.0.0.1", "error")
    assert finding.found == f"10.0.0.2 can't reach its port 5000 (registry): {finding.found.split(': ')[1]}"
    assert why in finding.found


def test_hosts_that_miss_the_same_port_are_told_of_once() -> None:
    lost = {"core/reached": "10.0.0.1 5000 silent\nend"}
    finding = only(cluster(machine(1), machine(2, answers=lost), machine(3, answers=lost)))
    assert finding.found.startswith("10.0.0.2, 10.0.0.3 can't reach its port 5000")


def test_hosts_that_come_later_are_told_of_what_they_do_not_reach() -> None:
    view = site(answers={"core/reached": "10.0.0.1 5000 silent\nend"})
    finding = only(view, new=frozenset({"10.0.0.2"}))
    assert finding.host == "10.0.0.2"
    assert "10.0.0.1's port 5000" in finding.found


def test_a_refusal_where_something_listens_is_a_firewalls() -> None:
    finding = only(site(answers={"core/reached": "10.0.0.1 5000 refused\nend"}))
    assert "a firewall refuses" in finding.found


@pytest.mark.parametrize("listening", ["", ".", "50000 ."])
def test_a_refusal_where_nothing_listens_tells_nothing(listening: str) -> None:
    refused = {"core/reached": "10.0.0.1 5000 refused\nend"}
    view = cluster(machine(1, answers={"core/listening": listening}), machine(2, answers=refused), machine(3))
    assert said(view) == {("ports-reachable", "10.0.0.1", "not checked")}


@pytest.mark.parametrize(
    ("listening", "state", "severity"),
    [("8472/udp .", "silent", "error"), (".", "silent", "not checked"), ("8472/udp .", "refused", "error")],
)
def test_packets_that_are_not_answered_tell_something_where_they_would_be(
    listening: str, state: str, severity: str
) -> None:
    way = Traffic(purpose="pods", port=8472, protocol="udp", sources=("10.0.0.2",), targets=("10.0.0.1",))
    asked = {"core/reached": f"10.0.0.1 8472/udp {state}\nend"}
    view = cluster(machine(1, answers={"core/listening": listening}), machine(2, answers=asked), machine(3))
    finding = only(view, traffic=(way,))
    assert (finding.check, finding.host, str(finding.severity)) == ("ports-reachable", "10.0.0.1", severity)
    assert "8472/udp (pods)" in finding.found


def test_packets_that_get_lost_without_a_word_are_an_error() -> None:
    finding = only(site(answers={"core/echoes": "10.0.0.1 9000 lost\n10.0.0.3 9000 whole\nend"}))
    assert (finding.check, finding.host, finding.severity) == ("mtu-path", "10.0.0.2", "error")
    assert "9000 bytes to 10.0.0.1" in finding.found


def test_packets_that_are_too_big_for_a_router_that_says_so_are_a_warning() -> None:
    finding = only(site(answers={"core/echoes": "10.0.0.1 9000 lost 1400\n10.0.0.3 9000 whole\nend"}))
    assert (finding.check, str(finding.severity)) == ("mtu-path", "warning")
    assert "1400" in finding.found


@pytest.mark.parametrize("state", ["silent", "unable", "unknown"])
def test_a_way_that_could_not_be_tried_is_told(state: str) -> None:
    found = said(site(answers={"core/echoes": f"10.0.0.1 1500 {state}\n10.0.0.3 1500 whole\nend"}))
    assert found == {("mtu-path", "10.0.0.2", "not checked")}


def test_work_grows_with_hosts_and_not_with_pairs() -> None:
    view = cluster(*(machine(number) for number in range(1, 65)))
    for host in view.hosts:
        for check in core_checks():
            for probe in check.probes_for(view, host):
                assert probe.script.count(",28") <= 2
