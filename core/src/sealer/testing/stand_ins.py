"""A small distribution whose parts stand beside the one that is looked at, so that plans are whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sealer.changes import Change, Command, File, Output
from sealer.cluster.parts import Parts
from sealer.model import (
    Application,
    Cluster,
    ContainerRuntimeSettings,
    Departure,
    Host,
    ImageMetadata,
    RegistryEndpoint,
    Step,
    Value,
    at,
)
from sealer.providers import AppType, ClusterRuntime, ContainerRuntime, Registry


class Toy(ClusterRuntime):
    """A cluster runtime: one step starts it, another lets a host join with a secret token."""

    name = "toy"
    summary = "a cluster runtime to plan with"

    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return the step that starts it."""
        first = cluster.first_master.name
        start = Command(
            title="start",
            run="toy start",
            unless="toy status",
            yields=(Output(key="token", script="toy token", secret=True),),
        )
        yield Step(
            id=at("toy/start", first),
            title="start",
            host=first,
            changes=(start,),
            provides=("api", at("member", first)),
            requires=_needs(cluster, first),
        )

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return a step for each host."""
        token = Value(step=at("toy/start", cluster.first_master.name), key="token", secret=True)
        for node in hosts:
            yield Step(
                id=at("toy/join", node.name),
                title="join",
                host=node.name,
                changes=(Command(title="join", run=f"toy join {token}", unless="toy status"),),
                provides=(at("member", node.name),),
                requires=("api", *_needs(cluster, node.name)),
            )

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return a step on a master that stays for each host."""
        master = next(host for host in departure.reachable(cluster) if host.is_master)
        for node in departure.hosts:
            yield Step(
                id=at(f"toy/remove/{node.name}", master.name),
                title="forget",
                host=master.name,
                changes=(Command(title=f"forget {node.name}", run="toy forget", unless="toy forgot"),),
                provides=(at("removed", node.name),),
            )

    def kubeconfig_path(self, cluster: Cluster) -> str:
        """Return a path."""
        return "/etc/toy/admin.conf"


def _needs(cluster: Cluster, host: str) -> tuple[str, ...]:
    container = (at("container-runtime", host),) if cluster.container_runtime else ()
    registry = (at("registry-access", host),) if cluster.registry else ()
    return (at("rootfs", host), *container, *registry)


class Box(ContainerRuntime):
    """A container runtime of one file, and one more for each mirror."""

    name = "box"
    summary = "a container runtime to plan with"

    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        """Return a socket and systemd's cgroup driver."""
        return ContainerRuntimeSettings(socket="/run/box.sock", cgroup_driver="systemd")

    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        """Return one step."""
        yield Step(
            id=at("box", host.name),
            title="install box",
            host=host.name,
            changes=(File(path="/etc/box", content="x"),),
            provides=(at("container-runtime", host.name),),
            requires=(at("rootfs", host.name),),
        )

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        """Return a file for each domain."""
        for domain in domains:
            cache = registry.cache_of(domain)
            content = f"{registry.netloc} {registry.password} {cache.netloc if cache else ''}"
            yield File(path=f"/etc/box/{domain}", content=content, mode=0o600)


class Shelf(Registry):
    """A registry on the first master that makes a password."""

    name = "shelf"
    summary = "a registry to plan with"

    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        """Return where it is, and the values that its step yields."""
        step = at("shelf", cluster.first_master.name)
        return RegistryEndpoint(
            domain=cluster.registry_settings.domain or "shelf.local",
            port=cluster.registry_settings.port or 5000,
            addresses=(cluster.first_master.address,),
            username="sealer",
            password=Value(step=step, key="password", secret=True),
            credentials=Value(step=step, key="password", secret=True),
            certificate_authority=Value(step=step, key="ca"),
        )

    def serve(self, cluster: Cluster) -> Iterable[Step]:
        """Return one step."""
        first = cluster.first_master.name
        outputs = (
            Output(key="password", script="shelf password", secret=True),
            Output(key="ca", script="shelf ca"),
        )
        yield Step(
            id=at("shelf", first),
            title="serve",
            host=first,
            changes=(Command(title="serve", run="shelf", unless="shelf status", yields=outputs),),
            provides=(at("registry", first),),
            requires=(at("rootfs", first), at("registry-store", first)),
        )

    def hosts(self, cluster: Cluster) -> tuple[Host, ...]:
        """Return the first master."""
        return (cluster.first_master,)


class Note(AppType):
    """An application type that recognises nothing by itself, and launches by one command."""

    name = "note"
    summary = "an application type to plan with"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        """Return None."""
        return None

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        """Return one command."""
        return (Command(title=f"note {app.name}", run=f"note {' '.join(app.files)}"),)

    def uninstall(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        """Return one command."""
        return (Command(title=f"forget {app.name}", run=f"forget {app.name}", unless=f"forgot {app.name}"),)


STAND_INS = Parts(runtime=Toy(), container=Box(), registry=Shelf(), app_types={"note": Note()})
"""One provider of each kind; ``dataclasses.replace`` puts another in the place of one of them."""


def planned_cluster(cluster: Cluster, image: ImageMetadata, parts: Parts) -> Cluster:
    """Return a cluster as core shows it to providers: with the image, and with what these parts bring."""
    container = parts.container.settings(image, cluster.hosts) if parts.container else None
    bare = replace(cluster, image=image, container_runtime=container, registry=None)
    return bare if parts.registry is None else replace(bare, registry=parts.registry.endpoint(bare))
