"""Host checks with faults."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import Check, Cluster, Finding, Probe
from sealer.providers import HostChecks
from sealer.testing.conformance import HostChecksContract
from tests.core.testing.faulty.parts import giving


class Even(Check):
    id = "site-even"
    title = "an even number"

    def probes(self) -> tuple[Probe, ...]:
        return (Probe(name="site/number", script="echo 2"),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if host.facts.answers.get("site/number", "") == "1":
                yield self.finding(host.name, found="1", wanted="2", mend="add one")


class Site(HostChecks):
    """Sound host checks."""

    name = "site"
    summary = "the rules of a site"

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return (Even(),)


class TestSoundHostChecks(HostChecksContract):
    provider = giving(Site())


class Fragile(Even):
    id = "Site Even"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        assert cluster.first_master
        for host in cluster.hosts:
            if int(host.facts.answers["site/number"]) % 2:
                yield self.finding("nowhere", found="", wanted="", mend="")


class FragileSite(Site):
    def checks(self, cluster: Cluster) -> Iterable[Check]:
        many = any(host.facts.answers for host in cluster.hosts)
        return (Fragile(), Fragile()) if many else (Fragile(),)


class Nothing(Site):
    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return ()


class TestNothing(HostChecksContract):
    finds = ("test_it_brings_checks",)
    provider = giving(Nothing())


class TestFragile(HostChecksContract):
    finds = (
        "test_checks_can_be_told_apart",
        "test_which_checks_there_are_depends_on_no_answer",
        "test_checks_bear_every_answer",
        "test_checks_bear_hosts_unlike_others",
        "test_asking_and_judging_touch_nothing",
        "test_checks_that_need_no_image_bear_that_there_is_none",
    )
    provider = giving(FragileSite())
