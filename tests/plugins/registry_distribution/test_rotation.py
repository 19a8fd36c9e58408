"""New credentials for a registry that serves: in place of the old ones, once, and the old ones back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from sealer.changes import Command
from sealer.cluster.registry_access import access_steps, plan_groups
from sealer.model import Renewal, at
from sealer.operation.plan import make_plan
from sealer.testing.conformance.fragments import fragments as fragments_of
from sealer.testing.examples import example_cluster, example_host
from sealer.testing.shells import syntax_errors
from sealer.testing.stand_ins import STAND_INS
from sealer_container_containerd.runtime import Containerd
from sealer_registry_distribution import fragments
from sealer_registry_distribution.credentials import Credentials
from sealer_registry_distribution.registry import Distribution


def credentials(mark: str) -> Credentials:
    return Credentials(**dict.fromkeys(fragments.FILES, mark))


def run(script: str) -> int:
    stub = "systemctl() { :; }\n"
    return subprocess.run(["sh", "-ec", stub + script], check=False, capture_output=True).returncode


def test_new_credentials_take_the_place_of_the_old_ones_and_can_be_taken_back(tmp_path: Path) -> None:
    directory = f"{tmp_path}/registry of 'ours'/sea.hub"
    assert run(fragments.write_credentials(directory, credentials("old"))) == 0
    assert run(fragments.has_stamp(directory, "s1")) != 0
    assert run(fragments.replace_credentials(directory, credentials("new"), "s1")) == 0
    assert run(fragments.has_stamp(directory, "s1")) == 0
    assert Path(directory, "password").read_text() == "new"
    assert Path(directory, "environment").read_text() == "REGISTRY_HTTP_SECRET=new\n"
    assert Path(directory).stat().st_mode & 0o077 == 0

    assert run(fragments.restore_credentials(directory, "s1")) == 0
    assert Path(directory, "password").read_text() == "old"
    assert run(fragments.restore_credentials(directory, "s1")) == 0  # there is nothing to restore any more
    assert Path(directory, "password").read_text() == "old"
    assert run(fragments.remove_credentials(directory)) == 0
    assert list(tmp_path.iterdir()) == []


def test_all_masters_get_the_same_new_credentials_by_the_steps_of_before() -> None:
    cluster = example_cluster(example_host(1, master=True), example_host(2, master=True), example_host(3))
    registry = Distribution()
    served, rotated = list(registry.serve(cluster)), list(registry.rotate(cluster, Renewal(stamp="s1")))
    assert [step.id for step in rotated] == [step.id for step in served]
    assert [step.provides for step in rotated] == [step.provides for step in served]
    commands = [
        change
        for step in rotated
        for change in step.changes
        if isinstance(change, Command) and "credentials" in change.title
    ]
    assert len(commands) == 2
    assert all("s1" in command.title and command.unless and command.revert for command in commands)
    endpoint = registry.endpoint(cluster)
    plan = make_plan(
        rotated,
        given=[at(name, host.name) for host in cluster.hosts for name in ("rootfs", "registry-store")],
    )
    assert rotated[0].value("password") == endpoint.password
    assert plan.waits_for[rotated[1].id] == {rotated[0].id}


def test_another_rotation_is_another_change() -> None:
    cluster = example_cluster(example_host(1, master=True))
    keys = [
        {
            change.key
            for step in Distribution().rotate(cluster, Renewal(stamp=stamp))
            for change in step.changes
        }
        for stamp in ("s1", "s2", "s1")
    ]
    assert keys[0] == keys[2] != keys[1]


def test_every_shell_can_read_the_scripts() -> None:
    cluster = example_cluster(example_host(1, master=True))
    (step,) = Distribution().rotate(cluster, Renewal(stamp="s1"))
    assert syntax_errors(dict(fragments_of(step))) == []


def test_all_hosts_learn_the_new_credentials_once_every_registry_has_them() -> None:
    hosts = (example_host(1, master=True), example_host(2, master=True), example_host(3))
    registry = Distribution()
    bare = example_cluster(*hosts)
    cluster = replace(bare, registry=registry.endpoint(bare))
    parts = replace(STAND_INS, container=Containerd(), registry=registry)
    steps = [
        *registry.rotate(cluster, Renewal(stamp="s1")),
        *access_steps(cluster, parts, cluster.image.container_images, source="image"),
    ]
    there = ("rootfs", "registry-store", "container-runtime")
    given = [at(name, host.name) for host in hosts for name in there]
    plan = make_plan(steps, given=given, groups=plan_groups(cluster, parts, steps))
    rotated = {at("registry/serve", host.name) for host in hosts if host.is_master}
    for host in hosts:
        assert rotated <= plan.waits_for[at("registry-access/image", host.name)]
