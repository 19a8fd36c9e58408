"""The part of contracts that is about asking hosts and judging their answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealer.model import (
    Check,
    Cluster,
    Facts,
    Finding,
    Host,
    ImageMetadata,
    ImageType,
    Probe,
    Severity,
    Step,
)
from sealer.providers import HostProvider
from sealer.testing.conformance.base import Contract
from sealer.testing.conformance.fragments import fragments
from sealer.testing.examples import AMD64, example_cluster, example_facts, example_image
from sealer.testing.purity import pure
from sealer.testing.shells import present_shells, run_script, syntax_errors

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PROBE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*/[a-z0-9]+(?:[-_/][a-z0-9]+)*")

# What probes print is words and numbers in lines; garbage of that shape reaches further than random text.
_WORDS = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "99999999999999999999",
        "yes",
        "active",
        "busy",
        "loaded",
        "ours demo",
        "FFFF",
        "é\x00",
        "/",
    ]
)
_ANSWERS = st.one_of(
    st.text(max_size=40),
    st.lists(st.lists(_WORDS, max_size=3).map(" ".join), max_size=4).map("\n".join),
)


class HostContract(Contract):
    """Contract of providers that ask hosts and check the answers."""

    @pytest.fixture
    def image(self) -> ImageMetadata:
        """Return the cluster image to check with; override it when the provider needs other contents."""
        return example_image()

    def asked_of(self, provider: HostProvider, image: ImageMetadata) -> tuple[Probe, ...]:
        """Return all questions: the provider's own, and those of its checks."""
        checks = checks_of(provider, example_cluster(image=image))
        asked = [*provider.probes(), *(probe for check in checks for probe in check.probes())]
        return tuple({probe.name: probe for probe in asked}.values())

    def test_probes_have_names_of_the_plugins_own(self, provider: HostProvider, image: ImageMetadata) -> None:
        """A name begins with one of the plugin's and a slash; two questions never share one."""
        checks = checks_of(provider, example_cluster(image=image))
        asked = [*provider.probes(), *(probe for check in checks for probe in check.probes())]
        texts: dict[str, str] = {}
        for probe in asked:
            assert _PROBE.fullmatch(probe.name), f"{probe.name!r} has not the form plugin/what"
            assert not probe.name.startswith("core/"), f"{probe.name} is named as if core asked it"
            assert texts.setdefault(probe.name, probe.script) == probe.script

    def test_probes_can_be_parsed(self, provider: HostProvider, image: ImageMetadata) -> None:
        """By every shell that hosts have."""
        asked = self.asked_of(provider, image)
        assert syntax_errors({probe.name: probe.script for probe in asked}) == []

    def test_probes_only_read(self, provider: HostProvider, image: ImageMetadata, tmp_path: Path) -> None:
        """They run before anybody has agreed to anything: nothing is written, nothing waits for input."""
        for shell in present_shells():
            for number, probe in enumerate(self.asked_of(provider, image)):
                assert not probe.writes, f"{probe.name} writes: that is for probes_for"
                directory = tmp_path / f"{shell[0]}-{number}"
                directory.mkdir()
                (directory / "before").write_text("as it was")
                run_script(shell, probe.script, directory)
                left = {path.name: path.read_text() for path in directory.rglob("*") if path.is_file()}
                assert left == {"before": "as it was"}, f"{probe.name} changed files under {shell[0]}"

    def test_checks_can_be_told_apart(self, provider: HostProvider, image: ImageMetadata) -> None:
        """``--ignore`` takes an id; tables show the title."""
        checks = checks_of(provider, example_cluster(image=image))
        ids = [check.id for check in checks]
        assert len(set(ids)) == len(ids)
        for check in checks:
            assert _ID.fullmatch(check.id), f"{check.id!r} is not in small letters and dashes"
            assert check.title.strip()
            assert isinstance(check.severity, Severity)

    def test_which_checks_there_are_depends_on_no_answer(
        self, provider: HostProvider, image: ImageMetadata
    ) -> None:
        """They are listed before anybody was asked."""
        cluster = example_cluster(image=image)
        listed = [check.id for check in checks_of(provider, cluster)]
        for answer in ("", "garbage", "0 0 0\n0"):
            names = [probe.name for probe in self.asked_of(provider, image)]
            answered = _answering(cluster, dict.fromkeys(names, answer))
            assert [check.id for check in checks_of(provider, answered)] == listed

    def test_checks_bear_every_answer(self, provider: HostProvider, image: ImageMetadata) -> None:
        """Hosts answer nothing, too much, or nonsense; a check that can't be made says so."""
        names = [probe.name for probe in self.asked_of(provider, image)]
        cluster = example_cluster(image=image)
        judge(provider, cluster)
        judge(provider, _answering(cluster, dict.fromkeys(names, "")))

        # The property stands inside: one on a method is refused as soon as two classes inherit it.
        @settings(max_examples=60, deadline=None, database=None)
        @given(st.fixed_dictionaries(dict.fromkeys(names, _ANSWERS)))
        def check(answers: dict[str, str]) -> None:
            judge(provider, _answering(cluster, answers))

        check()

    def test_checks_bear_hosts_unlike_others(self, provider: HostProvider, image: ImageMetadata) -> None:
        """Tiny, odd, with an unknown init, or far in the future."""
        for facts in _odd_facts():
            cluster = example_cluster(image=image)
            hosts = tuple(replace(host, facts=facts) for host in cluster.hosts)
            judge(provider, replace(cluster, hosts=hosts))

    def test_asking_and_judging_touch_nothing(self, provider: HostProvider, image: ImageMetadata) -> None:
        """No file, no network, no other process."""
        cluster = example_cluster(image=image)
        names = [probe.name for probe in self.asked_of(provider, image)]
        answered = _answering(cluster, dict.fromkeys(names, ""))
        judge(provider, answered)
        with pure():
            provider.probes()
            judge(provider, answered)

    def test_traffic_is_between_hosts_of_the_cluster(
        self, provider: HostProvider, image: ImageMetadata
    ) -> None:
        """Ports are TCP ports, and both ends are known."""
        cluster = example_cluster(image=image)
        known = {host.name for host in cluster.hosts}
        for way in provider.traffic(cluster):
            assert way.purpose.strip()
            assert 0 < way.port < 65536
            assert {*way.sources, *way.targets} <= known


def judge(provider: HostProvider, cluster: Cluster) -> None:
    """Make all checks of a provider, with their second questions and what mends their findings."""
    for check in checks_of(provider, cluster):
        judge_one(check, cluster)


def checks_of(provider: HostProvider, cluster: Cluster) -> tuple[Check, ...]:
    """Return all checks of a provider: those before anything is changed, and those of a running cluster."""
    return (*provider.checks(cluster), *provider.health(cluster))


def judge_one(check: Check, cluster: Cluster) -> None:
    """Make one check, and look at all that it says."""
    for host in cluster.hosts:
        asked = tuple(check.probes_for(cluster, host))
        assert syntax_errors({probe.name: probe.script for probe in asked}) == []
    findings = tuple(check.evaluate(cluster))
    _require_sound(check, cluster, findings)
    for finding in findings:
        changes = tuple(check.mend(cluster, finding))
        step = Step(id="mend", title="mend", host=finding.host, changes=changes)
        assert all(change.undo() for change in changes), f"what mends {check.id} can't be taken back"
        assert syntax_errors(dict(fragments(step))) == []


def _require_sound(check: Check, cluster: Cluster, findings: Iterable[Finding]) -> None:
    known = {host.name for host in cluster.hosts}
    for finding in findings:
        assert finding.check == check.id
        assert finding.host in known, f"{check.id} is about {finding.host}, which is no host"
        assert isinstance(finding.severity, Severity)
        for text in (finding.found, finding.wanted, finding.mend):
            assert text.strip(), f"{check.id} leaves people without a word of what is wrong or to do"


def _answering(cluster: Cluster, answers: Mapping[str, str]) -> Cluster:
    def told(host: Host) -> Host:
        return replace(host, facts=replace(host.facts, answers=answers))

    return replace(cluster, hosts=tuple(told(host) for host in cluster.hosts))


def _odd_facts() -> Iterator[Facts]:
    yield example_facts(init="unknown", operating_system="", kernel="", hostname="", machine_id="")
    yield example_facts(cpus=0, memory=0, disk_free=0, cgroup_version=1, clock_offset=-1e12)
    yield example_facts(
        kernel="not.a.version", operating_system="ünïx", hostname="A" * 300, clock_offset=1e12
    )


def bare_cluster() -> Cluster:
    """Return a cluster of which nothing is known but two hosts: there is no image and no master."""
    cluster = example_cluster()
    empty = ImageMetadata(reference="", digest="", type=ImageType.CLUSTER, platform=AMD64)
    return replace(cluster, image=empty, hosts=cluster.hosts[1:], container_runtime=None, registry=None)
