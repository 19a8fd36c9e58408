"""A small distribution of the tests' own, and hosts and images for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sealer.changes import Change, Command, File, Output
from sealer.cluster.parts import Parts
from sealer.image.extension import LAYER_CONTENT
from sealer.image.oci import Descriptor
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    RUNTIME_TYPE_LABEL,
    Application,
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Facts,
    Host,
    ImageMetadata,
    ImageType,
    Launch,
    Platform,
    RegistryEndpoint,
    Step,
    Value,
    at,
)
from sealer.providers import AppType, ClusterRuntime, ContainerRuntime, Registry

AMD64 = Platform(architecture="amd64")


def facts(**changes: object) -> Facts:
    base = Facts(
        hostname="n1",
        platform=AMD64,
        operating_system="debian 12",
        kernel="6.1",
        init="systemd",
        machine_id="m1",
        clock_offset=0.0,
        cpus=2,
        memory=4 << 30,
        disk_free=100 << 30,
        cgroup_version=2,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the fields are what the test says


def host(number: int, *, master: bool = False, **changes: object) -> Host:
    own: dict[str, object] = {"hostname": f"n{number}", "machine_id": f"m{number}"}
    return Host(
        name=f"10.0.0.{number}",
        address=f"10.0.0.{number}",
        roles=("master",) if master else ("node",),
        facts=facts(**{**own, **changes}),
    )


def image(**changes: object) -> ImageMetadata:
    base = ImageMetadata(
        reference="docker.io/acme/cluster:v1",
        digest="sha256:" + "a" * 64,
        type=ImageType.CLUSTER,
        platform=AMD64,
        labels={RUNTIME_TYPE_LABEL: "toy", CONTAINER_RUNTIME_TYPE_LABEL: "box"},
        applications=(
            Application(name="net", type="note", files=("a",)),
            Application(name="web", cmds=("install", "--now"), env={"COLOR": "blue"}),
        ),
        launch=Launch(app_names=("net", "web")),
        container_images=(
            ContainerImage(image="docker.io/library/web:1", app_name="web", platform=AMD64),
            ContainerImage(image="quay.io/net/net:2", app_name="net", platform=AMD64),
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def layer(letter: str, content: str | None) -> Descriptor:
    return Descriptor(
        media_type="application/vnd.oci.image.layer.v1.tar+gzip",
        digest="sha256:" + letter * 64,
        size=1000,
        annotations={} if content is None else {LAYER_CONTENT: content},
    )


LAYERS = (layer("b", "rootfs"), layer("c", "application"), layer("d", "registry"))


class Toy(ClusterRuntime):
    name = "toy"

    def create(self, cluster: Cluster) -> Iterable[Step]:
        first = cluster.first_master.name
        start = Command(
            title="start", run="toy start", yields=(Output(key="token", script="x", secret=True),)
        )
        yield Step(
            id=at("toy/start", first),
            title="start",
            host=first,
            changes=(start,),
            provides=("api", at("member", first)),
            requires=(at("container-runtime", first), at("registry-access", first)),
        )

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        token = Value(step=at("toy/start", cluster.first_master.name), key="token", secret=True)
        for node in hosts:
            yield Step(
                id=at("toy/join", node.name),
                title="join",
                host=node.name,
                changes=(Command(title="join", run=f"toy join {token}"),),
                provides=(at("member", node.name),),
                requires=("api", at("container-runtime", node.name), at("registry-access", node.name)),
            )

    def remove(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        for node in hosts:
            yield Step(
                id=at(f"toy/remove/{node.name}", cluster.first_master.name),
                title="forget",
                host=cluster.first_master.name,
                changes=(Command(title=f"forget {node.name}", run="toy forget"),),
                provides=(at("removed", node.name),),
            )

    def kubeconfig_path(self, cluster: Cluster) -> str:
        return "/etc/toy/admin.conf"


class Box(ContainerRuntime):
    name = "box"

    def settings(self, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        return ContainerRuntimeSettings(socket="/run/box.sock", cgroup_driver="systemd")

    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        yield Step(
            id=at("box", host.name),
            title="install box",
            host=host.name,
            changes=(File(path="/etc/box", content="x"),),
            provides=(at("container-runtime", host.name),),
            requires=(at("rootfs", host.name),),
        )

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        for domain in domains:
            yield File(path=f"/etc/box/{domain}", content=f"{registry.netloc} {registry.password}")


class Shelf(Registry):
    name = "shelf"

    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        step = at("shelf", cluster.first_master.name)
        return RegistryEndpoint(
            domain="shelf.local",
            port=5000,
            address=cluster.first_master.address,
            username="sealer",
            password=Value(step=step, key="password", secret=True),
            credentials=Value(step=step, key="password", secret=True),
            certificate_authority=Value(step=step, key="ca"),
        )

    def serve(self, cluster: Cluster) -> Iterable[Step]:
        first = cluster.first_master.name
        outputs = (Output(key="password", script="x", secret=True), Output(key="ca", script="x"))
        yield Step(
            id=at("shelf", first),
            title="serve",
            host=first,
            changes=(Command(title="serve", run="shelf", yields=outputs),),
            provides=("registry",),
            requires=(at("rootfs", first), at("registry-store", first)),
        )

    def hosts(self, cluster: Cluster) -> tuple[Host, ...]:
        return (cluster.first_master,)


class Note(AppType):
    name = "note"

    def detect(self, sources: object) -> tuple[str, ...] | None:
        return None

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        return (Command(title=f"note {app.name}", run=f"note {' '.join(app.files)}"),)


PARTS = Parts(runtime=Toy(), container=Box(), registry=Shelf(), app_types={"note": Note()})


def cluster(*hosts: Host, metadata: ImageMetadata | None = None) -> Cluster:
    found = hosts or (host(1, master=True), host(2), host(3))
    bare = Cluster(
        name="c1",
        image=metadata or image(),
        hosts=found,
        env={"ZONE": "a"},
        container_runtime=PARTS.container.settings(found) if PARTS.container else None,
    )
    assert PARTS.registry is not None
    return replace(bare, registry=PARTS.registry.endpoint(bare))
