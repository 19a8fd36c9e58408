"""Registries with faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sealer.model import Cluster, RegistryCache, RegistryEndpoint, RegistrySettings, Step, Traffic
from sealer.testing.conformance import RegistryContract
from sealer.testing.stand_ins import Shelf
from tests.core.testing.faulty.parts import giving


class Announced(Shelf):
    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        everyone = tuple(host.name for host in cluster.hosts)
        port = self.endpoint(cluster).port
        yield Traffic(purpose="shelf", port=port, sources=everyone, targets=everyone[:1])


class TestSoundRegistry(RegistryContract):
    provider = giving(Announced())


class TestUnannounced(RegistryContract):
    finds = ("test_it_says_that_hosts_connect_to_it",)
    provider = giving(Shelf())


class Stubborn(Announced):
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        return super().endpoint(replace(cluster, registry_settings=RegistrySettings()))


class TestStubborn(RegistryContract):
    finds = ("test_the_user_decides_about_domain_and_port",)
    provider = giving(Stubborn())


class Open(Announced):
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        found = super().endpoint(cluster)
        return replace(found, password=found.certificate_authority, port=0)


class TestOpen(RegistryContract):
    finds = (
        "test_its_password_is_a_secret_that_it_makes",
        "test_the_endpoint_can_be_reached",
        "test_the_user_decides_about_domain_and_port",
    )
    provider = giving(Open())


class Secretive(Announced):
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        found = super().endpoint(cluster)
        caches = tuple(
            RegistryCache(upstream=one.domain, domain="cache", port=found.port, addresses=())
            for one in cluster.registry_settings.caches
        )
        return replace(found, caches=caches)


class TestSecretive(RegistryContract):
    finds = ("test_what_it_caches_can_be_reached",)
    provider = giving(Secretive())


class Impatient(Announced):
    def serve(self, cluster: Cluster) -> Iterable[Step]:
        for step in super().serve(cluster):
            yield replace(step, requires=())


class TestImpatient(RegistryContract):
    finds = ("test_it_serves",)
    provider = giving(Impatient())
