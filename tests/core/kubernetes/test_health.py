"""Checks of a running cluster: what they ask, and what they make of the answers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.kubernetes import UnitRuns
from sealer.kubernetes.health import ClusterNames, Kubectl, NodesReady, SystemPods, cluster_health
from sealer.model import Check, Cluster, Host, Severity
from sealer.testing.examples import example_cluster, example_host
from sealer.testing.shells import syntax_errors

NOWHERE = Kubectl(kubeconfig="/etc/admin.conf", programs="/opt/bin")
READY = "ok\na\t10.0.0.1 a \t\tTrue\tKubeletReady: fine\nb\t10.0.0.2 b \t\tTrue\tKubeletReady: fine\n"


def told(answers: Mapping[int, Mapping[str, str]]) -> Cluster:
    """Return a master and a node that have answered."""

    def host(number: int) -> Host:
        one = example_host(number, master=number == 1)
        return replace(one, facts=replace(one.facts, answers=dict(answers.get(number, {}))))

    return example_cluster(host(1), host(2))


def found(check: Check, cluster: Cluster) -> list[tuple[str, Severity, str]]:
    return [(one.host, one.severity, one.found) for one in check.evaluate(cluster)]


def nodes(text: str) -> list[tuple[str, Severity, str]]:
    return found(NodesReady(NOWHERE), told({1: {"kubernetes/health-nodes": text}}))


def test_hosts_that_are_ready_nodes_are_healthy() -> None:
    assert nodes(READY) == []


@pytest.mark.parametrize(
    ("before", "after", "severity", "words"),
    [
        (
            "\tTrue\tKubeletReady: fine\nb",
            "\tFalse\tNoNetwork: no CNI\nb",
            Severity.ERROR,
            "NoNetwork: no CNI",
        ),
        ("10.0.0.1 a \t\t", "10.0.0.1 a \tcordoned\t", Severity.WARNING, "cordoned"),
        ("10.0.0.1", "10.9.9.9", Severity.ERROR, "no node has the address"),
        ("\tTrue\tKubeletReady: fine\nb", "\nb", Severity.ERROR, "its host has said nothing"),
    ],
)
def test_what_is_wrong_with_a_node(before: str, after: str, severity: Severity, words: str) -> None:
    assert before in READY
    ((host, kind, text),) = nodes(READY.replace(before, after, 1))
    assert (host, kind) == (example_host(1).name, severity)
    assert words in text


def test_an_api_server_that_does_not_answer_is_told_with_its_words() -> None:
    ((_, severity, text),) = nodes("failed\nThe connection was refused\n")
    assert (severity, text) == (Severity.ERROR, "the API server does not answer: The connection was refused")


def test_another_master_answers_when_the_first_is_gone() -> None:
    masters = example_cluster(example_host(1, master=True), example_host(2, master=True))
    second = replace(masters.hosts[1].facts, answers={"kubernetes/health-nodes": READY})
    cluster = replace(masters, hosts=(masters.hosts[0], replace(masters.hosts[1], facts=second)))
    assert found(NodesReady(NOWHERE), cluster) == []


def test_nobody_who_could_be_asked_is_not_a_failure() -> None:
    assert [severity for _, severity, _ in nodes("")] == [Severity.NOT_CHECKED]


def test_pods_that_are_not_ready_are_told_on_their_hosts() -> None:
    text = (
        "ok\ndns\t10.0.0.2\tPending\tFalse\tcontainers with unready status|"
        "containers with unready status|ImagePullBackOff|\n"
        "proxy\t10.0.0.1\tRunning\tTrue\t\njob\t10.0.0.1\tSucceeded\tFalse\tPodCompleted|\n"
        "late\t<no value>\tPending\t\t0/2 nodes are available|\n"
    )
    cluster = told({1: {"kubernetes/health-pods": text}})
    assert [(host, words) for host, _, words in found(SystemPods(NOWHERE), cluster)] == [
        (
            example_host(2).name,
            "pod dns is Pending and not ready: containers with unready status; ImagePullBackOff",
        ),
        (example_host(1).name, "pod late is Pending and not ready: 0/2 nodes are available"),
    ]


@pytest.mark.parametrize(
    ("times", "restarts", "severity"),
    [
        ("2026-11-23T10:00:00Z 2026-11-23T10:01:30Z", "0 ", Severity.WARNING),
        ("2026-11-23T10:02:30Z", "", Severity.WARNING),
        ("2026-11-23T09:00:00Z 2026-11-23T10:02:30Z", "0 3 ", Severity.ERROR),
        ("2026-11-23T10:00:00Z 2026-11-23T10:00:30Z", "0 ", Severity.ERROR),
        ("<no value>", "", Severity.ERROR),
    ],
)
def test_a_pod_that_has_just_begun_is_no_failure_yet(times: str, restarts: str, severity: Severity) -> None:
    text = f"ok\netcd\t10.0.0.1\tRunning\tFalse\t\t{times}\t{restarts}\nnow\t2026-11-23T10:03:00Z\n"
    cluster = told({1: {"kubernetes/health-pods": text}})
    assert found(SystemPods(NOWHERE), cluster) == [
        (example_host(1).name, severity, "pod etcd is Running and not ready")
    ]


def test_the_time_is_told_with_the_pods(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho line\n")
    kubectl.chmod(0o755)
    (tmp_path / "kubeconfig").touch()
    check = SystemPods(Kubectl(kubeconfig=str(tmp_path / "kubeconfig"), programs=str(tmp_path)))
    cluster = told({})
    (probe,) = check.probes_for(cluster, cluster.hosts[0])
    said = subprocess.run(["sh", "-c", probe.script], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"ok\nline\nnow\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", said)


def test_every_host_asks_the_dns_that_a_master_names() -> None:
    check = ClusterNames(NOWHERE)
    service = {"kubernetes/health-names": "ok\n10.96.0.10 example.local\n"}
    cluster = told({1: service})
    for host in cluster.hosts:
        (probe,) = check.probes_for(cluster, host)
        assert "kubernetes.default.svc.example.local." in probe.script
        assert "10.96.0.10" in probe.script
    resolved = "kubernetes/health-resolved"
    said = told({1: {**service, resolved: "10.96.0.1 STREAM x"}, 2: {resolved: "nothing"}})
    ((host, severity, words),) = found(check, said)
    assert (host, severity) == (example_host(2).name, Severity.ERROR)
    assert words == "10.96.0.10 gives no address for kubernetes.default.svc.example.local"


def test_a_cluster_without_dns_is_not_checked_for_it() -> None:
    ((_, severity, words),) = found(
        ClusterNames(NOWHERE), told({1: {"kubernetes/health-names": "ok\n cluster.local"}})
    )
    assert (severity, words) == (Severity.NOT_CHECKED, "there is no service of DNS")


class Agent(UnitRuns):
    id = "acme-agent"
    title = "the agent runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        return None if host.is_master else "agent.service"


def test_a_unit_that_does_not_run_is_told_with_its_last_words() -> None:
    cluster = told({2: {"acme/unit-agent.service": "failed\nno such file"}})
    assert found(Agent(), cluster) == [
        (example_host(2).name, Severity.ERROR, "agent.service is failed: no such file")
    ]
    assert found(Agent(), told({2: {"acme/unit-agent.service": "active"}})) == []
    assert [kind for _, kind, _ in found(Agent(), told({}))] == [Severity.NOT_CHECKED]


def test_all_questions_can_be_parsed_by_every_shell() -> None:
    cluster = told({1: {"kubernetes/health-names": "ok\n10.96.0.10 cluster.local"}})
    asked = [
        probe
        for check in (*cluster_health(NOWHERE), Agent())
        for host in cluster.hosts
        for probe in (*check.probes(), *check.probes_for(cluster, host))
    ]
    assert len(asked) >= 6
    assert syntax_errors({probe.name: probe.script for probe in asked}) == []


def test_the_answer_of_kubectl_is_told_apart_from_its_failure(tmp_path: Path) -> None:
    programs = tmp_path / "it's bin"
    programs.mkdir()
    program = programs / "kubectl"
    settings = tmp_path / "admin.conf"
    settings.write_text("")

    def asked(kubectl: Kubectl) -> tuple[int, str]:
        script = kubectl.asking("get nodes")
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=False, env=dict(os.environ)
        )
        return done.returncode, done.stdout

    known = Kubectl(kubeconfig=str(settings), programs=str(programs))
    wanted = f"--kubeconfig {settings} --request-timeout=20s get nodes"
    program.write_text(f'#!/bin/sh\n[ "$*" = "{wanted}" ] || exit 9\necho fine\n')
    program.chmod(0o755)
    assert asked(known) == (0, "ok\nfine\n")
    program.write_text("#!/bin/sh\necho refused >&2\nexit 1\n")
    assert asked(known) == (0, "failed\nrefused\n")
    assert asked(replace(known, kubeconfig=str(tmp_path / "none")))[0] != 0
