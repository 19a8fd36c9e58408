"""Container runtimes with faults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sealer.changes import Change, Command, File
from sealer.model import Cluster, ContainerRuntimeSettings, Host, ImageMetadata, RegistryEndpoint, Step, at
from sealer.providers import ImageImport, SupportsImageImport
from sealer.testing.conformance import ContainerRuntimeContract
from sealer.testing.stand_ins import Box
from tests.core.testing.faulty.parts import giving


class TestSoundContainerRuntime(ContainerRuntimeContract):
    provider = giving(Box())


class Everywhere(Box):
    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        return ContainerRuntimeSettings(socket="box.sock", cgroup_driver="none")

    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        for step in super().install(cluster, host):
            yield replace(step, provides=(*step.provides, f"box for {host.name}"))

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        yield Command(title="restart", run=f"box restart {registry.domain}", unless="true")
        yield File(path="/etc/box/all", content=" ".join(domains))


class TestEverywhere(ContainerRuntimeContract):
    finds = (
        "test_it_runs_on_every_host",
        "test_settings_say_what_a_cluster_runtime_must_know",
        "test_hosts_turn_to_caches",
        "test_mirrors_change_files_alone",
        "test_mirrors_of_more_domains_hold_those_of_fewer",
    )
    provider = giving(Everywhere())


class Queued(Box):
    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        first = at("container-runtime", cluster.first_master.name)
        for step in super().install(cluster, host):
            yield step if host is cluster.first_master else replace(step, requires=(*step.requires, first))


class TestQueued(ContainerRuntimeContract):
    finds = ("test_hosts_do_not_wait_for_one_another",)
    provider = giving(Queued())


class Unmirrored(Box):
    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        return super().mirrors(registry, domains[:1])


class TestUnmirrored(ContainerRuntimeContract):
    finds = ("test_every_domain_is_mirrored",)
    provider = giving(Unmirrored())


class Uncached(Box):
    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        return super().mirrors(replace(registry, caches=()), domains)


class TestUncached(ContainerRuntimeContract):
    finds = ("test_hosts_turn_to_caches",)
    provider = giving(Uncached())


class Garbling(Box, SupportsImageImport):
    def image_import(self) -> ImageImport:
        return ImageImport(present="true", run="if then")


class TestGarbling(ContainerRuntimeContract):
    finds = ("test_taking_container_images_can_be_run",)
    provider = giving(Garbling())
