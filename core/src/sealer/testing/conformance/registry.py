"""The contract of registries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sealer.cluster.parts import Parts
from sealer.model import Cluster, RegistrySettings, Upstream, Value, at
from sealer.operation.plan import Plan
from sealer.providers import Registry
from sealer.testing.conformance.hosts import HostContract
from sealer.testing.conformance.planning import PlanningContract
from sealer.testing.conformance.scenarios import Scenario
from sealer.testing.stand_ins import STAND_INS


class RegistryContract(PlanningContract, HostContract):
    """What ``sealer_registries`` provides."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the registry to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the registry")

    def with_stand_ins(self, provider: Registry) -> Parts:
        """Return it with a cluster runtime and a container runtime that are stand-ins."""
        return replace(STAND_INS, registry=provider)

    def beside_stand_ins(self, provider: Registry, scenario: Scenario) -> Parts:
        """Return those parts that a scenario has; the registry is there always."""
        parts = self.with_stand_ins(provider)
        return parts if scenario.boxed else replace(parts, container=None)

    def test_it_serves(self, provider: Registry, plan: Plan, cluster: Cluster) -> None:
        """Its steps provide ``registry@`` each host that gets the container images, once they are there."""
        steps = tuple(provider.serve(cluster))
        serving = {host.name for host in provider.hosts(cluster)}
        provided = {name for step in steps for name in step.provides}
        assert {name for name in provided if name.startswith("registry@")} == {
            at("registry", host) for host in serving
        }
        assert serving
        assert serving <= {host.name for host in cluster.hosts}
        assert {step.host for step in steps} <= serving
        for host in serving:
            needed = {name for step in steps if step.host == host for name in step.requires}
            assert at("registry-store", host) in needed

    def test_the_endpoint_can_be_reached(self, provider: Registry, cluster: Cluster) -> None:
        """It is at the addresses of those that serve, on a TCP port, by a name of its own."""
        endpoint = provider.endpoint(cluster)
        assert endpoint.addresses == tuple(host.address for host in provider.hosts(cluster))
        assert 0 < endpoint.port < 65536
        assert endpoint.domain
        assert endpoint.domain == endpoint.domain.lower().strip()
        assert endpoint.username

    def test_the_user_decides_about_domain_and_port(self, provider: Registry, cluster: Cluster) -> None:
        """What the Clusterfile says of the registry is followed."""
        wanted = RegistrySettings(domain="registry.conformance.example", port=45123)
        settled = replace(cluster, registry_settings=wanted)
        endpoint = provider.endpoint(settled)
        assert (endpoint.domain, endpoint.port) == (wanted.domain, wanted.port)

    def test_what_it_caches_can_be_reached(self, provider: Registry, cluster: Cluster) -> None:
        """It has no caches unless they are wanted; those that it has are at ports of their own."""
        assert provider.endpoint(cluster).caches == ()
        wanted = tuple(
            Upstream(domain=name, url=f"https://{name}") for name in ("docker.io", "r.example:5000")
        )
        caching = replace(cluster, registry_settings=RegistrySettings(caches=wanted))
        endpoint = provider.endpoint(caching)
        assert {cache.upstream for cache in endpoint.caches} <= {upstream.domain for upstream in wanted}
        ports = [endpoint.port, *(cache.port for cache in endpoint.caches)]
        assert len(set(ports)) == len(ports)
        assert {way.port for way in provider.traffic(caching)} >= set(ports[1:])
        for cache in endpoint.caches:
            assert cache.addresses == endpoint.addresses

    def test_its_password_is_a_secret_that_it_makes(self, provider: Registry, cluster: Cluster) -> None:
        """The values of the endpoint are outputs of its own steps, and are marked as they are there."""
        endpoint = provider.endpoint(cluster)
        made: dict[tuple[str, str], bool] = {
            (step.id, output.key): output.secret
            for step in provider.serve(cluster)
            for change in step.changes
            for output in change.outputs
        }

        def is_secret(value: Value | str | None) -> bool:
            assert isinstance(value, Value)
            assert made[value.step, value.key] == value.secret
            return value.secret

        assert is_secret(endpoint.password)
        assert is_secret(endpoint.credentials)
        assert not is_secret(endpoint.certificate_authority)

    def test_it_says_that_hosts_connect_to_it(self, provider: Registry, cluster: Cluster) -> None:
        """So that a firewall in the way is found before anything is changed."""
        endpoint = provider.endpoint(cluster)
        serving = {host.name for host in provider.hosts(cluster)}
        everyone = {host.name for host in cluster.hosts}
        ways = [way for way in provider.traffic(cluster) if way.port == endpoint.port]
        assert {target for way in ways for target in way.targets} == serving
        assert {source for way in ways for source in way.sources} >= everyone - serving
