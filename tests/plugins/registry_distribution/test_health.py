"""Whether the registry of a running cluster answers: who is asked what, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sealer.model import Cluster, Severity
from sealer.testing.examples import example_cluster, example_host
from sealer_registry_distribution.health import Answers
from sealer_registry_distribution.registry import Distribution

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


def site(answers: Mapping[int, Mapping[str, str]]) -> Cluster:
    hosts = [example_host(1, master=True), example_host(2)]
    told = [
        replace(host, facts=replace(host.facts, answers=dict(answers.get(number, {}))))
        for number, host in enumerate(hosts, start=1)
    ]
    cluster = example_cluster(*told)
    return replace(cluster, registry=Distribution().endpoint(cluster))


def answers() -> Answers:
    found = [check for check in Distribution().health(site({})) if isinstance(check, Answers)]
    return found[0]


def test_every_host_asks_with_the_authority_that_a_master_tells_and_nobody_is_told_a_password() -> None:
    cluster = site({1: {"registry/authority": PEM}})
    for host in cluster.hosts:
        (probe,) = answers().probes_for(cluster, host)
        assert PEM in probe.script
        assert "https://sea.hub:5000" in probe.script
        assert 'password: "%s"' in probe.script  # filled in on the host, from its own file


def test_without_an_authority_nobody_asks() -> None:
    cluster = site({1: {"registry/authority": "none"}})
    assert [answers().probes_for(cluster, host) for host in cluster.hosts] == [(), ()]
    assert [one.severity for one in answers().evaluate(cluster)] == [Severity.NOT_CHECKED]


@pytest.mark.parametrize(
    ("said", "severity"),
    [("yes", None), ("", Severity.NOT_CHECKED), ("no x509: certificate has expired", Severity.ERROR)],
)
def test_what_comes_of_an_answer(said: str, severity: Severity | None) -> None:
    cluster = site(
        {1: {"registry/authority": PEM, "registry/answered": "yes"}, 2: {"registry/answered": said}}
    )
    found = list(answers().evaluate(cluster))
    assert [one.severity for one in found] == ([] if severity is None else [severity])
    assert all(one.host == example_host(2).name for one in found)
    if severity is Severity.ERROR:
        assert "certificate has expired" in found[0].found


def test_without_a_registry_there_is_nothing_to_ask() -> None:
    cluster = replace(site({1: {"registry/authority": PEM}}), registry=None)
    assert list(answers().evaluate(cluster)) == []
