"""The steps of an installation, made around a distribution of the tests' own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.build.declared import Declared
from sealer.changes import Change, Command, Tree, Wait
from sealer.cluster.application_plan import application_plan
from sealer.cluster.distribution import image_files, image_store
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.pipeline import installation_plan, upgrade_plan
from sealer.errors import ImageError, PlanError
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    Application,
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Host,
    ImageMetadata,
    ImageType,
    RegistryEndpoint,
    Step,
    Upgrade,
)
from sealer.operation.plan import Plan
from sealer.providers import Component, SupportsUpgrade
from sealer.testing.stand_ins import Box, Note, Toy, planned_cluster

from .examples import LAYERS, PARTS, cluster, host, image, layer
from .pipelines import EVERYWHERE, IMAGE_CHOICE, install


def test_everything_is_installed_in_the_order_it_needs() -> None:
    order = [step.id for step in install().steps]
    for before, after in (
        ("rootfs@10.0.0.2", "box@10.0.0.2"),
        ("registry-store/image@10.0.0.1", "shelf@10.0.0.1"),
        ("shelf@10.0.0.1", "registry-access/image@10.0.0.3"),
        ("registry-access/image@10.0.0.1", "toy/start@10.0.0.1"),
        ("toy/start@10.0.0.1", "toy/join@10.0.0.2"),
        ("toy/join@10.0.0.3", f"{'a' * 12}/app/net"),
        (f"{'a' * 12}/app/net", f"{'a' * 12}/app/web"),
        (f"{'a' * 12}/app/web", "cluster/ready"),
    ):
        assert order.index(before) < order.index(after)


def test_workers_wait_for_the_api_and_not_for_one_another() -> None:
    plan = install()
    assert "toy/join@10.0.0.3" not in plan.waits_for["toy/join@10.0.0.2"]
    assert "toy/start@10.0.0.1" in plan.waits_for["toy/join@10.0.0.2"]


def test_only_registry_hosts_get_container_images_and_every_host_the_files() -> None:
    trees = {
        step.id: [
            layer.hex[0] for change in step.changes if isinstance(change, Tree) for layer in change.layers
        ]
        for step in install().steps
    }
    assert trees["rootfs@10.0.0.2"] == ["b", "c"]
    assert trees["registry-store/image@10.0.0.1"] == ["d"]
    assert "registry-store/image@10.0.0.2" not in trees


def test_programs_are_asked_for_the_declared_version_as_soon_as_they_are_there() -> None:
    declared = Declared(
        component=Component(name="toy", path="bin/toy", version_arguments=("version",)),
        label=RUNTIME_VERSION_LABEL,
        version="v1",
    )
    parts = replace(PARTS, declared=(declared,))
    plan = installation_plan(cluster(), EVERYWHERE, parts, IMAGE_CHOICE)
    for host_name in EVERYWHERE:
        step = next(step for step in plan.steps if step.id == f"rootfs@{host_name}")
        assert [change.describe() for change in step.changes][1:] == ["bin/toy is v1"]
        assert step.provides == (f"rootfs@{host_name}",)


def test_a_layer_that_does_not_say_what_it_holds_goes_to_both() -> None:
    unsaid = (layer("e", None),)
    assert [blob.hex[0] for blob in image_files(unsaid)] == ["e"]
    assert [blob.hex[0] for blob in image_store(unsaid)] == ["e"]


def test_a_layer_that_cannot_be_unpacked_is_refused() -> None:
    with pytest.raises(ImageError, match="can't be unpacked"):
        image_files((replace(layer("e", None), media_type="application/x-strange"),))


def test_mirrors_are_made_for_each_domain_of_the_images() -> None:
    step = install().step("registry-access/image@10.0.0.2")
    assert [change.key for change in step.changes] == [
        "hosts:shelf.local",
        "file:/etc/box/docker.io",
        "file:/etc/box/quay.io",
    ]


def test_a_registry_that_comes_later_gets_what_applications_brought_before() -> None:
    stored = {"abc": {"10.0.0.9": LAYERS}}
    plan = installation_plan(cluster(), EVERYWHERE, PARTS, IMAGE_CHOICE, stored=stored)
    late = plan.step("registry-store/abc@10.0.0.1")
    assert [c.layers for c in late.changes if isinstance(c, Tree)] == [image_store(LAYERS)]
    assert late.id in plan.waits_for["registry-access/image@10.0.0.3"]


class Listed(Note):
    """An application type that says which objects have to be ready."""

    def objects(self, cluster: Cluster, app: Application) -> str:
        """Return a list of none."""
        return "echo"


def test_a_pod_network_is_made_while_hosts_join_and_waited_for_when_they_have() -> None:
    labels = {**image().labels, "cluster.alpha.sealer.io/kube-cni-net": "true"}
    parts = replace(PARTS, app_types={"note": Listed()})
    plan = installation_plan(cluster(metadata=image(labels=labels)), EVERYWHERE, parts, LaunchChoice())
    short = "a" * 12
    joins = {"toy/join@10.0.0.2", "toy/join@10.0.0.3"}
    network = ancestors(plan, f"{short}/launched/net")
    assert "toy/start@10.0.0.1" in network
    assert not joins & network
    assert joins <= ancestors(plan, f"{short}/app/net")
    assert {*joins, f"{short}/app/net"} <= ancestors(plan, f"{short}/app/web")


def ancestors(plan: Plan, step: str) -> set[str]:
    found: set[str] = set()
    waiting = [step]
    while waiting:
        new = set(plan.waits_for[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


KUBECTL = """#!/bin/sh
[ "$*" = "--kubeconfig /etc/toy/admin.conf --request-timeout=20s get nodes -o jsonpath=$READY" ] || exit 9
printf "$SAYS"
exit $STATUS
"""

READY = (
    '{range .items[*]}{.metadata.name} {range .status.conditions[?(@.type=="Ready")]}'
    '{.status} {.reason}: {.message}{end}{"\\n"}{end}'
)


@pytest.mark.parametrize(
    ("says", "status", "reasons"),
    [
        ("n1 True KubeletReady: all well\\nn2 True KubeletReady: all well\\n", 0, []),
        (
            "n1 True KubeletReady: all well\\nn2 False KubeletNotReady: no network plugin\\nn3 \\n",
            0,
            ["n2: not Ready: KubeletNotReady: no network plugin", "n3: not Ready:"],
        ),
        ("", 0, ["there are no nodes"]),
        ("connection refused", 1, ["the API server does not answer: connection refused"]),
    ],
)
def test_people_hear_which_nodes_are_not_ready_and_why(
    tmp_path: Path, says: str, status: int, reasons: list[str]
) -> None:
    (wait,) = install().step("cluster/ready").changes
    assert isinstance(wait, Wait)
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "SAYS": says,
        "STATUS": str(status),
        "READY": READY,
    }
    done = subprocess.run(["sh"], input=wait.why, capture_output=True, text=True, check=True, env=environment)
    assert [line.rstrip() for line in done.stdout.splitlines()] == reasons


def test_a_host_that_comes_later_mirrors_the_domains_of_applications_too() -> None:
    plan = installation_plan(cluster(), EVERYWHERE, PARTS, IMAGE_CHOICE, served=("earlier.example/app:1",))
    assert "earlier.example" in repr(plan.step("registry-access/image@10.0.0.3").changes)


def test_it_also_gets_their_images_where_mirrors_are_not_enough() -> None:
    plan = installation_plan(cluster(), EVERYWHERE, CRATES, IMAGE_CHOICE, served=("earlier.example/app:1",))
    step = plan.step("registry-access/image@10.0.0.3")
    brought = [change.title for change in step.changes if isinstance(change, Command)]
    assert brought == [*(one.image for one in cluster().image.container_images), "earlier.example/app:1"]


class Wheel(Toy):
    """A cluster runtime that brings its own container runtime, and is restarted for mirrors."""

    restarts_for_mirrors = True


def accesses(runtime: Toy, container: Box | None) -> dict[str, list[str]]:
    """Return which others the access steps of masters 1, 2, 3 and of node 4 wait for, by their numbers."""
    parts = replace(PARTS, runtime=runtime, container=container)
    hosts = tuple(host(number, master=number < 4) for number in (1, 2, 3, 4))
    view = planned_cluster(replace(cluster(), hosts=hosts), image(), parts)
    layers = {one.name: LAYERS for one in hosts}
    plan = installation_plan(view, layers, parts, IMAGE_CHOICE)
    step = "registry-access/image@10.0.0."
    waits = {number: plan.waits_for[f"{step}{number}"] for number in "1234"}
    return {
        number: [other.removeprefix(step) for other in sorted(others) if other.startswith(step)]
        for number, others in waits.items()
    }


def test_masters_that_are_restarted_for_mirrors_come_one_after_the_other() -> None:
    assert accesses(Wheel(), None) == {"1": [], "2": ["1"], "3": ["2"], "4": []}


@pytest.mark.parametrize(("runtime", "container"), [(Toy(), None), (Wheel(), Box())])
def test_others_get_their_mirrors_side_by_side(runtime: Toy, container: Box | None) -> None:
    assert accesses(runtime, container) == {"1": [], "2": [], "3": [], "4": []}


def test_an_application_leaves_the_mirrors_of_earlier_ones() -> None:
    app = image(type=ImageType.APPLICATION, digest="sha256:" + "f" * 64)
    plan = application_plan(
        cluster(), app, EVERYWHERE, PARTS, LaunchChoice(), served=("earlier.example/app:1",)
    )
    changes = repr(plan.step(f"registry-access/{'f' * 12}@10.0.0.3").changes)
    assert all(image.domain in changes for image in app.container_images)
    assert "earlier.example" in changes


def test_registries_have_the_container_images_of_every_platform() -> None:
    other = replace(LAYERS[2], digest="sha256:" + "e" * 64)
    layers = {**EVERYWHERE, "10.0.0.3": (*LAYERS[:2], other)}
    plan = installation_plan(cluster(), layers, PARTS, IMAGE_CHOICE)
    (store,) = [c for c in plan.step("registry-store/image@10.0.0.1").changes if isinstance(c, Tree)]
    assert [layer.digest for layer in store.layers] == [other.digest, LAYERS[2].digest]


def test_a_registry_serves_what_its_own_platform_has_no_image_of() -> None:
    app = image(type=ImageType.APPLICATION, digest="sha256:" + "f" * 64)
    layers = {"10.0.0.1": LAYERS}
    plan = application_plan(cluster(), app, layers, PARTS, LaunchChoice())
    assert f"registry-store/{'f' * 12}@10.0.0.1" in [step.id for step in plan.steps]


class Crate(Box):
    """A container runtime that is spoken to in another way with another image, and has no mirrors."""

    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        socket = f"/run/{image.labels.get('socket', 'box')}.sock"
        return ContainerRuntimeSettings(socket=socket, cgroup_driver="systemd")

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        return ()

    def preload(self, registry: RegistryEndpoint, images: Sequence[ContainerImage]) -> Iterable[Change]:
        return tuple(Command(title=one.image, run=f"fetch {one.image}", unless="false") for one in images)


CRATES = replace(PARTS, container=Crate())


def test_images_are_brought_before_anything_wants_them_where_mirrors_are_not_enough() -> None:
    plan = installation_plan(cluster(), EVERYWHERE, CRATES, IMAGE_CHOICE)
    step = plan.step("registry-access/image@10.0.0.2")
    brought = [change.title for change in step.changes if isinstance(change, Command)]
    assert brought == [one.image for one in cluster().image.container_images]
    assert "box@10.0.0.2" in plan.waits_for[step.id]
    assert step.timeout > install().step(step.id).timeout


def test_those_of_an_application_are_brought_for_it() -> None:
    app = image(type=ImageType.APPLICATION, digest="sha256:" + "f" * 64)
    plan = application_plan(cluster(), app, EVERYWHERE, CRATES, LaunchChoice())
    step = plan.step(f"registry-access/{'f' * 12}@10.0.0.3")
    assert [change.title for change in step.changes if isinstance(change, Command)] == [
        one.image for one in app.container_images
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"socket": "other"}),
        ({CONTAINER_RUNTIME_TYPE_LABEL: "barrel"}, {CONTAINER_RUNTIME_TYPE_LABEL: "box"}),
    ],
)
def test_an_upgrade_does_not_change_how_containers_are_run(
    before: dict[str, str], after: dict[str, str]
) -> None:
    wanted = cluster(metadata=image(labels=after))
    settings = Crate().settings(wanted.image, wanted.hosts)
    upgrade = Upgrade(previous=image(labels=before), stamp="1")
    parts = replace(CRATES, runtime=Upgradable())
    with pytest.raises(PlanError, match="runs containers in another way"):
        upgrade_plan(replace(wanted, container_runtime=settings), EVERYWHERE, parts, IMAGE_CHOICE, upgrade)


class Upgradable(Toy, SupportsUpgrade):
    """A distribution that need do nothing for another version."""

    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        return ()
