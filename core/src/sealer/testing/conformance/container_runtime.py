"""The contract of container runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sealer.changes import Command, Unit
from sealer.cluster.parts import Parts
from sealer.model import Cluster, ContainerImage, at
from sealer.operation.plan import Plan
from sealer.providers import ContainerRuntime
from sealer.testing.conformance.fragments import taking_errors
from sealer.testing.conformance.hosts import HostContract
from sealer.testing.conformance.planning import PlanningContract
from sealer.testing.examples import AMD64, with_cache
from sealer.testing.stand_ins import STAND_INS

_CGROUP_DRIVERS = frozenset({"systemd", "cgroupfs"})
_DOMAINS = ("docker.io", "quay.io", "registry.example:5000")


class ContainerRuntimeContract(PlanningContract, HostContract):
    """What ``sealer_container_runtimes`` provides."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the container runtime to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the container runtime")

    def with_stand_ins(self, provider: ContainerRuntime) -> Parts:
        """Return it with a cluster runtime and a registry that are stand-ins."""
        return replace(STAND_INS, container=provider)

    def beside_stand_ins(self, provider: ContainerRuntime, scenario: Any) -> Parts:
        """Return those parts that a scenario has; the container runtime is there always."""
        parts = self.with_stand_ins(provider)
        return parts if scenario.packed else replace(parts, registry=None)

    def test_taking_container_images_can_be_run(self, provider: ContainerRuntime) -> None:
        """Each shell can parse how an archive is taken, where that can be done at all."""
        assert taking_errors(provider) == []

    def test_it_runs_on_every_host(self, provider: ContainerRuntime, cluster: Cluster) -> None:
        """The steps of a host are made there, and provide ``container-runtime@`` it and nothing of others."""
        for host in cluster.hosts:
            steps = tuple(provider.install(cluster, host))
            assert {step.host for step in steps} == {host.name}
            provided = {name for step in steps for name in step.provides}
            assert at("container-runtime", host.name) in provided
            assert all(name.endswith(f"@{host.name}") for name in provided)

    def test_hosts_do_not_wait_for_one_another(self, plan: Plan, cluster: Cluster) -> None:
        """It is installed everywhere at the same time."""
        for host in cluster.hosts:
            step = next(step for step in plan.steps if at("container-runtime", host.name) in step.provides)
            waited = {plan.step(identity).host for identity in plan.waits_for[step.id]}
            assert waited <= {host.name}

    def test_settings_say_what_a_cluster_runtime_must_know(
        self, provider: ContainerRuntime, cluster: Cluster
    ) -> None:
        """The path of a socket, and one of the two cgroup drivers that there are."""
        settings = provider.settings(cluster.image, cluster.hosts)
        assert settings.socket.startswith("/")
        assert settings.cgroup_driver in _CGROUP_DRIVERS

    def test_every_domain_is_mirrored(self, provider: ContainerRuntime, cluster: Cluster) -> None:
        """Whatever form the mirror has, it names each domain, or each image, and where the registry is."""
        registry = cluster.registry
        if registry is None:
            return
        names = tuple(f"{domain}/team/app:1.0" for domain in _DOMAINS)
        images = tuple(ContainerImage(image=name, platform=AMD64) for name in names)
        told = repr(tuple(provider.mirrors(registry, _DOMAINS)))
        brought = tuple(provider.preload(registry, images))
        if brought:
            assert [name for name in names if not any(name in change.describe() for change in brought)] == []
        else:
            assert [domain for domain in _DOMAINS if domain not in told] == []
        assert registry.domain in told

    def test_hosts_turn_to_caches(self, provider: ContainerRuntime, cluster: Cluster) -> None:
        """Where there are mirrors, those of a domain that is cached lead to its cache, and no others do."""
        image = ContainerImage(image=f"{_DOMAINS[0]}/team/app:1.0", platform=AMD64)
        if cluster.registry is None or any(True for _ in provider.preload(cluster.registry, (image,))):
            return
        cached, other = _DOMAINS[:2]
        registry, cache = with_cache(cluster.registry, cached)
        assert cache.netloc in repr(tuple(provider.mirrors(registry, (cached,))))
        files = {change.key: change for change in provider.mirrors(registry, (other,))}
        plain = {change.key: change for change in provider.mirrors(cluster.registry, (other,))}
        assert all(files[key] == change for key, change in plain.items() if other in key)

    def test_mirrors_change_files_alone(self, provider: ContainerRuntime, cluster: Cluster) -> None:
        """They take effect without restarting what runs: images come later, for applications."""
        for change in provider.mirrors(cluster.registry, _DOMAINS) if cluster.registry else ():
            assert not isinstance(change, Command | Unit), f"{change.describe()} is more than a file"

    def test_mirrors_of_more_domains_hold_those_of_fewer(
        self, provider: ContainerRuntime, cluster: Cluster
    ) -> None:
        """An application image adds its domains later, and must not take away those that are there."""
        if cluster.registry is None:
            return
        first = {change.key: change for change in provider.mirrors(cluster.registry, _DOMAINS[:1])}
        other = {change.key: change for change in provider.mirrors(cluster.registry, _DOMAINS[1:])}
        assert all(first[key] == other[key] for key in first.keys() & other.keys())
