"""What Docker's checks find."""

from __future__ import annotations

import pytest

from sealer.model import Cluster, ContainerRuntimeSettings, Finding, Severity
from sealer_container_docker.runtime import Docker
from tests.plugins.kit import cluster, facts, host

SETTINGS = ContainerRuntimeSettings(socket="/var/run/dockershim.sock", cgroup_driver="systemd", built_in=True)


def answering(state: str, settings: str = "none") -> Cluster:
    answers = {"docker/state": state, "docker/settings": settings}
    return cluster(host(1, "master", facts=facts(answers=answers)), container_runtime=SETTINGS)


def found(view: Cluster) -> list[Finding]:
    return [finding for check in Docker().checks(view) for finding in check.evaluate(view)]


@pytest.mark.parametrize(
    "state",
    [
        "none",
        "ours demo",
        "runs 19.03.15 systemd",
        "runs 20.10.24+dfsg1 systemd",
        "runs 28.1.1 systemd\nbeside",
    ],
)
def test_no_docker_ours_and_one_that_fits_pass(state: str) -> None:
    assert found(answering(state)) == []


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("ours other", "the Docker of the cluster other"),
        ("runs", "does not say its version"),
        ("runs 18.09.9 systemd", "Docker 18.09.9"),
        ("stopped", "a Docker that does not run"),
        ("snap", "Docker as a snap"),
        ("left /var/lib/docker", "/var/lib/docker holds"),
    ],
)
def test_a_docker_that_does_not_fit_is_refused(state: str, word: str) -> None:
    (finding,) = found(answering(state))
    assert (finding.check, finding.host) == ("docker-fits", "10.0.0.1")
    assert word in finding.found
    assert finding.mend


@pytest.mark.parametrize(
    ("state", "settings", "word"),
    [
        ("runs 20.10.24 cgroupfs", "none", "cgroup driver is cgroupfs"),
        ("none", '{"exec-opts": ["native.cgroupdriver=cgroupfs"]}', "cgroup driver is cgroupfs"),
        ("none", "{", "is no JSON object"),
    ],
)
def test_settings_that_do_not_fit_are_refused(state: str, settings: str, word: str) -> None:
    (finding,) = found(answering(state, settings))
    assert finding.check == "docker-settings"
    assert word in finding.found


def test_an_answer_that_did_not_come_does_not_pass() -> None:
    (finding,) = found(answering(""))
    assert finding.severity is Severity.NOT_CHECKED


def test_checks_ask_what_they_read() -> None:
    asked = {probe.name for probe in Docker().probes()}
    checks = list(Docker().checks(cluster()))
    assert {probe.name for check in checks for probe in check.probes()} <= asked


def test_cri_dockerd_is_looked_after_where_kubelets_need_it() -> None:
    def units(settings: ContainerRuntimeSettings) -> list[str]:
        view = cluster(container_runtime=settings)
        asked = [probe for check in Docker().health(view) for probe in check.probes_for(view, view.hosts[0])]
        return [probe.name for probe in asked]

    assert units(SETTINGS) == ["docker/unit-docker.service"]
    other = ContainerRuntimeSettings(socket="/run/cri-dockerd.sock", cgroup_driver="systemd")
    assert units(other) == ["docker/unit-docker.service", "docker/unit-cri-docker.service"]
