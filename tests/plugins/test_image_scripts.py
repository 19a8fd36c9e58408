"""Images made for the Go tool: which of their scripts are run, where, when and with which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from sealer.changes import Change, Command, File, Unit, quote
from sealer.model import MASTER, RUNTIME_VERSION_LABEL, Cluster, ImageMetadata, Renewal, Step
from sealer.testing import example_cluster, example_host, example_image
from sealer_container_containerd.runtime import Containerd
from sealer_container_docker.runtime import Docker
from sealer_registry_distribution.registry import Distribution
from sealer_runtime_k8s.runtime import Kubernetes
from tests.plugins.kit import assert_parses

PROXY = "it's mine"
NAMES = ("containerd.sh", "docker.sh", "init-registry.sh", "init-kube.sh")
FILES = {f"scripts/{name}": "true\n" for name in NAMES}


def image(**files: str) -> ImageMetadata:
    labels = {RUNTIME_VERSION_LABEL: "v1.22.15"}
    return example_image(labels=labels, files={**FILES, **files}, container_images=())


def cluster(**changes: object) -> Cluster:
    hosts = (example_host(1, master=True, env={"HTTP_PROXY": PROXY}), example_host(2))
    return example_cluster(*hosts, image=image(), **changes)


def commands(step: Step) -> dict[str, Command]:
    return {change.title: change for change in step.changes if isinstance(change, Command)}


def units(steps: Iterable[Step]) -> list[Change]:
    return [change for step in steps for change in step.changes if isinstance(change, Unit)]


@pytest.mark.parametrize(
    ("provider", "name"), [(Containerd(), "containerd"), (Docker(), "docker")], ids=["containerd", "docker"]
)
def test_a_container_runtime_is_installed_and_taken_away_by_the_images_scripts(
    provider: Containerd | Docker, name: str
) -> None:
    bare = cluster()
    view = replace(bare, container_runtime=provider.settings(bare.image, bare.hosts))
    (step,) = provider.install(view, view.first_master)
    command = commands(step)[f"scripts/{name}.sh"]
    assert f"bash scripts/{name}.sh" in command.run
    assert f"cd {view.rootfs}\n" in command.run
    assert f"bash scripts/uninstall-{name}.sh" in command.revert
    assert units([step]) == []
    assert step.provides == ("container-runtime@10.0.0.1",)
    assert_parses(step)


def test_scripts_get_the_environment_of_their_host() -> None:
    view = cluster()
    first, second = (
        commands(next(iter(Containerd().install(view, host))))["scripts/containerd.sh"].run
        for host in view.hosts
    )
    assert "export HostIP=10.0.0.1\n" in first
    assert f"export HTTP_PROXY={quote(PROXY)}\n" in first
    assert view.registry is not None
    assert f"export RegistryURL={quote(view.registry.netloc)}\n" in first
    assert "export HostIP=10.0.0.2\n" in second
    assert "HTTP_PROXY" not in second


def test_a_docker_that_a_host_has_is_used_and_no_script_touches_it() -> None:
    view = cluster()
    (host, _) = view.hosts
    running = replace(host, facts=replace(host.facts, answers={"docker/state": "runs 20.10.24 systemd"}))
    (step,) = Docker().install(replace(view, hosts=(running,)), running)
    assert step.title == "use the host's Docker"
    assert "scripts/docker.sh" not in commands(step)


@pytest.mark.parametrize(
    ("files", "env", "driver"),
    [
        ({}, {}, "systemd"),
        ({"etc/daemon.json": '{"exec-opts": ["native.cgroupdriver=cgroupfs"]}'}, {}, "cgroupfs"),
        ({"etc/daemon.json": "no JSON"}, {}, "systemd"),
        ({"etc/daemon.json": "{}"}, {"CgroupDriver": "cgroupfs"}, "cgroupfs"),
    ],
)
def test_kubelets_are_told_the_cgroup_driver_that_the_image_configures(
    files: dict[str, str], env: dict[str, str], driver: str
) -> None:
    view = cluster()
    settings = Docker().settings(replace(image(**files), env=env), view.hosts)
    assert settings.cgroup_driver == driver
    if not files:
        assert Containerd().settings(replace(image(), env=env), view.hosts).cgroup_driver == driver


def test_the_registry_is_started_with_port_storage_and_domain_once_containers_run() -> None:
    view = cluster()
    (step,) = Distribution().serve(view)
    command = commands(step)["scripts/init-registry.sh"]
    assert f"bash scripts/init-registry.sh 5000 {view.registry_storage} sea.hub" in command.run
    assert "rm -f sealer-registry" in command.revert
    assert "container-runtime@10.0.0.1" in step.requires
    places = [getattr(change, "path", "").removeprefix(f"{view.rootfs}/") for change in step.changes]
    assert {"certs/sea.hub.crt", "certs/sea.hub.key", "etc/registry_htpasswd"} <= set(places)
    assert units([step]) == []
    assert_parses(step)


def test_new_credentials_start_it_again_and_so_does_taking_them_back() -> None:
    view = cluster()
    (step,) = Distribution().rotate(view, Renewal(stamp="one"))
    assert "scripts/init-registry.sh (one)" in commands(step)
    words = [change.describe() for change in step.changes]
    again = words.index("the registry is started as before (one)")
    # Undone newest first: behind the files that it reads, and ahead of where they come from.
    assert (
        0
        < again
        < words.index(f"copy of {view.data}/registry/sea.hub/tls.crt at {view.rootfs}/certs/sea.hub.crt")
    )
    assert_parses(step)


def test_hosts_are_prepared_by_the_image_after_runtime_and_registry_and_before_kubeadm() -> None:
    view = cluster()
    prepare, init, *_ = Kubernetes().create(view)
    assert prepare.requires == ("rootfs@10.0.0.1", "container-runtime@10.0.0.1", "registry-access@10.0.0.1")
    assert set(prepare.provides) <= set(init.requires)
    titles = list(commands(prepare))
    assert "scripts/init-kube.sh" in titles
    # What a script writes of the kubelet's unit is not the last word.
    last = [type(change) for change in prepare.changes]
    assert last.index(Unit) > [change.describe() for change in prepare.changes].index("scripts/init-kube.sh")


def test_masters_get_the_images_rules_of_what_is_written_down() -> None:
    view = replace(cluster(), image=image(**{"statics/audit-policy.yml": "kind: Policy\n"}))
    steps = [*Kubernetes().create(view), *Kubernetes().join(view, view.hosts[1:])]
    paths = {step.host: paths_of(step) for step in steps if step.id.startswith("kubernetes/prepare")}
    assert "/etc/kubernetes/audit-policy.yml" in paths["10.0.0.1"]
    assert "/etc/kubernetes/audit-policy.yml" not in paths["10.0.0.2"]


def paths_of(step: Step) -> list[str]:
    return [change.path for change in step.changes if isinstance(change, File)]


def test_an_image_without_scripts_is_installed_by_the_plugins() -> None:
    view = replace(cluster(), image=replace(image(), files={}))
    steps = [
        *Containerd().install(view, view.first_master),
        *Docker().install(view, view.first_master),
        *Distribution().serve(view),
        *Kubernetes().create(view),
    ]
    assert not [title for step in steps for title in commands(step) if title.startswith("scripts/")]
    assert len(units(steps)) >= 4
    assert MASTER in view.first_master.roles
