"""What containerd's checks find."""

from __future__ import annotations

import pytest

from sealer.model import Check, Cluster, Finding, Severity
from sealer_container_containerd.runtime import Containerd
from tests.plugins.kit import cluster, facts, host


def found(view: Cluster) -> list[Finding]:
    return [finding for check in Containerd().checks(view) for finding in check.evaluate(view)]


def with_answer(name: str, answer: str) -> Cluster:
    return cluster(host(1, "master", facts=facts(answers={name: answer})))


def test_a_clean_host_passes() -> None:
    assert found(cluster()) == []


def test_the_containerd_of_this_cluster_passes() -> None:
    assert found(with_answer("containerd/state", "ours demo")) == []


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("active docker", "docker is running"),
        ("active containerd", "containerd is running"),
        ("state /var/lib/containerd", "/var/lib/containerd holds"),
        ("ours other", "cluster other"),
    ],
)
def test_another_container_runtime_is_refused(answer: str, word: str) -> None:
    (finding,) = found(with_answer("containerd/state", answer))
    assert (finding.check, finding.host) == ("containerd-alone", "10.0.0.1")
    assert word in finding.found
    assert finding.mend


def test_a_kernel_without_overlay_is_refused() -> None:
    (finding,) = found(with_answer("containerd/overlay", "no"))
    assert finding.check == "containerd-overlay"
    assert "6.1.0-18-amd64" in finding.found


def test_checks_ask_what_they_read() -> None:
    asked = {probe.name for probe in Containerd().probes()}
    checks: list[Check] = list(Containerd().checks(cluster()))
    assert {probe.name for check in checks for probe in check.probes()} <= asked


@pytest.mark.parametrize("name", ["containerd/state", "containerd/overlay"])
def test_an_answer_that_did_not_come_does_not_pass(name: str) -> None:
    (finding,) = found(with_answer(name, ""))
    assert finding.severity is Severity.NOT_CHECKED
