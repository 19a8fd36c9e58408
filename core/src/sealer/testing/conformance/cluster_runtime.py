"""The contract of cluster runtimes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from sealer.changes import Command
from sealer.cluster.parts import Parts
from sealer.model import Cluster, Departure, ImageMetadata, Renewal, Step, Upgrade, at
from sealer.operation.plan import Plan, make_plan
from sealer.providers import ClusterRuntime, SupportsCertificates, SupportsUpgrade
from sealer.testing.conformance.fragments import fragments, taking_errors
from sealer.testing.conformance.hosts import HostContract
from sealer.testing.conformance.planning import PlanningContract
from sealer.testing.conformance.scenarios import Scenario
from sealer.testing.examples import with_cache
from sealer.testing.purity import pure
from sealer.testing.shells import syntax_errors
from sealer.testing.stand_ins import STAND_INS

_GIVEN = ("rootfs", "container-runtime", "registry-access")
"""What core and the other providers bring when a cluster is upgraded."""

_CORES_NAMES = (
    "rootfs@",
    "registry@",
    "registry-store@",
    "registry-access@",
    "container-runtime@",
    "app/",
    "host@",
)


class ClusterRuntimeContract(PlanningContract, HostContract):
    """What ``sealer_cluster_runtimes`` provides.

    Attributes:
        joins_in_parallel: Whether nodes join side by side; False for distributions that can't.
    """

    joins_in_parallel: ClassVar[bool] = True

    @pytest.fixture
    def provider(self) -> Any:
        """Return the cluster runtime to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the cluster runtime")

    @pytest.fixture
    def previous_image(self, image: ImageMetadata) -> ImageMetadata:
        """Return an image from which the cluster can be upgraded to ``image``, if the runtime can do that."""
        return image

    def with_stand_ins(self, provider: ClusterRuntime) -> Parts:
        """Return the runtime with a container runtime and a registry that are stand-ins."""
        return replace(STAND_INS, runtime=provider)

    def test_taking_container_images_can_be_run(self, provider: ClusterRuntime) -> None:
        """Each shell can parse how an archive is taken, where that can be done at all."""
        assert taking_errors(provider) == []

    def test_the_first_master_brings_the_api(self, provider: ClusterRuntime, cluster: Cluster) -> None:
        """``create`` provides ``api`` and ``member@`` the first master, and no other member."""
        provided = _provided(provider.create(cluster))
        assert "api" in provided
        assert _of(provided, "member@") == {at("member", cluster.first_master.name)}

    def test_each_host_that_joins_becomes_a_member(self, provider: ClusterRuntime, cluster: Cluster) -> None:
        """``join`` provides ``member@`` each of the hosts it was given, and of no other."""
        for hosts in (cluster.hosts[1:], cluster.hosts[2:], ()):
            provided = _provided(provider.join(cluster, hosts))
            assert _of(provided, "member@") == {at("member", host.name) for host in hosts}
            assert "api" not in provided

    def test_names_of_others_are_left_to_them(self, provider: ClusterRuntime, cluster: Cluster) -> None:
        """Files, registry and container runtime are brought by core and the other providers."""
        steps = [*provider.create(cluster), *provider.join(cluster, cluster.hosts[1:])]
        provided = _provided(steps)
        foreign = {name for name in provided if name.startswith(_CORES_NAMES)}
        assert foreign | provided & {"registry", "cluster", "ready"} == set()

    def test_members_wait_for_the_api(self, provider: ClusterRuntime, plan: Plan, cluster: Cluster) -> None:
        """Nobody joins what is not there."""
        for host in cluster.hosts[1:]:
            assert _provider_of(plan, "api") in _before(plan, _provider_of(plan, at("member", host.name)))

    def test_nodes_do_not_wait_for_one_another(self, plan: Plan, cluster: Cluster) -> None:
        """A hundred nodes join in the time of one."""
        members = {_provider_of(plan, at("member", node.name)) for node in cluster.nodes}
        for member in members if self.joins_in_parallel else ():
            assert _before(plan, member) & members == set()

    def test_a_host_that_joins_has_its_files_and_its_container_runtime(
        self, plan: Plan, cluster: Cluster, scenario: Scenario
    ) -> None:
        """What a member needs of core and of the container runtime is required, not hoped for."""
        for host in cluster.hosts:
            before = _before(plan, _provider_of(plan, at("member", host.name)))
            assert _provider_of(plan, at("rootfs", host.name)) in before
            if scenario.boxed:
                assert _provider_of(plan, at("container-runtime", host.name)) in before
            if scenario.packed:
                assert _provider_of(plan, at("registry-access", host.name)) in before

    def test_hosts_turn_to_caches(self, provider: ClusterRuntime, cluster: Cluster) -> None:
        """Where it has mirrors of its own, those of a domain that is cached lead to its cache."""
        if cluster.registry is None:
            return
        registry, cache = with_cache(cluster.registry, "docker.io")
        for host in cluster.hosts:
            told = tuple(provider.mirrors(cluster, host, registry, ("docker.io", "quay.io")))
            assert not told or cache.netloc in repr(told)

    def test_hosts_can_leave(self, provider: ClusterRuntime, cluster: Cluster) -> None:
        """``remove`` provides ``removed@`` each host it was given; its steps run on hosts that stay.

        Masters can leave too, the first among them, and hosts that can't be reached have to do nothing.
        """
        for departure in _departures(cluster):
            steps = tuple(provider.remove(cluster, departure))
            removed = _of(_provided(steps), "removed@")
            assert removed == {at("removed", host.name) for host in departure.hosts}
            reachable = {host.name for host in departure.reachable(cluster)}
            assert not [step.id for step in steps if step.host not in reachable]
            # Nothing else is planned then: what these steps require they bring themselves.
            make_plan(steps)
            found = {name: text for step in steps for name, text in fragments(step)}
            assert syntax_errors(found) == []

    def test_planning_that_hosts_leave_touches_nothing(
        self, provider: ClusterRuntime, cluster: Cluster
    ) -> None:
        """No file, no network, no other process."""
        tuple(provider.remove(cluster, Departure(hosts=cluster.nodes)))
        with pure():
            tuple(provider.remove(cluster, Departure(hosts=cluster.nodes)))

    def test_certificates_can_be_made_anew(self, provider: ClusterRuntime, cluster: Cluster) -> None:
        """If it can do that: nothing else is planned then, and a later renewal says other words."""
        if not isinstance(provider, SupportsCertificates):
            return
        steps = tuple(provider.renew(cluster, Renewal(stamp="1")))
        make_plan(steps)
        found = {name: text for step in steps for name, text in fragments(step)}
        assert syntax_errors(found) == []
        commands = {change.title for step in steps for change in step.changes if isinstance(change, Command)}
        again = provider.renew(cluster, Renewal(stamp="2"))
        bare = {
            change.title
            for step in again
            for change in step.changes
            if isinstance(change, Command) and not (change.unless or change.creates)
        }
        assert commands & bare == set()
        assert {step.host for step in steps} == {host.name for host in cluster.hosts}

    def test_hosts_are_upgraded_in_their_turn(
        self, provider: ClusterRuntime, previous_image: ImageMetadata, cluster: Cluster
    ) -> None:
        """If it can do that: each host has a turn and is a member after it, masters and batches in order."""
        if not isinstance(provider, SupportsUpgrade):
            return
        steps = tuple(provider.upgrade(cluster, Upgrade(previous=previous_image, stamp="1")))
        provided = _provided(steps)
        for name in ("turn", "member"):
            assert {at(name, host.name) for host in cluster.hosts} <= provided
        given = {at(name, host.name) for name in _GIVEN for host in cluster.hosts}
        plan = make_plan(steps, given=given)
        found = {name: text for step in steps for name, text in fragments(step)}
        assert syntax_errors(found) == []
        for earlier, later in pairwise((*cluster.masters, *cluster.nodes)):
            healthy = _provider_of(plan, at("member", earlier.name))
            assert healthy in _before(plan, _provider_of(plan, at("turn", later.name)))

    def test_files_with_certificates_have_absolute_paths(
        self, provider: ClusterRuntime, cluster: Cluster
    ) -> None:
        """They are read wherever the shell is."""
        for host in cluster.hosts:
            assert all(path.startswith("/") for path in provider.certificate_files(cluster, host))

    def test_the_kubeconfig_has_an_absolute_path(
        self, provider: ClusterRuntime, image: ImageMetadata, cluster: Cluster
    ) -> None:
        """It is read on the first master, whatever directory that is in."""
        path = provider.kubeconfig_path(cluster)
        assert path.startswith("/")
        assert ".." not in path.split("/")


def _departures(cluster: Cluster) -> Iterator[Departure]:
    """Yield some hosts that could leave; of several masters one."""
    for nodes in (cluster.nodes[1:], cluster.nodes[:1], ()):
        yield Departure(hosts=nodes)
        yield Departure(hosts=nodes, lost=frozenset(node.name for node in nodes))
    if len(cluster.masters) > 1:
        yield Departure(hosts=cluster.masters[:1])
        yield Departure(hosts=cluster.masters[-1:], lost=frozenset({cluster.masters[-1].name}))
        yield Departure(hosts=cluster.masters[:1], lost=frozenset({cluster.masters[0].name}))


def _provided(steps: Iterable[Step]) -> set[str]:
    return {name for step in steps for name in step.provides}


def _of(names: set[str], prefix: str) -> set[str]:
    return {name for name in names if name.startswith(prefix)}


def _provider_of(plan: Plan, name: str) -> str:
    return next(step.id for step in plan.steps if name in step.provides)


def _before(plan: Plan, step: str) -> set[str]:
    """Return all steps that a step waits for, directly or not."""
    found: set[str] = set()
    waiting = [step]
    while waiting:
        new = plan.waits_for[waiting.pop()] - found
        found |= new
        waiting += new
    return found
