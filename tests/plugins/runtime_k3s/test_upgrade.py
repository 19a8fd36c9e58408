"""Upgrades: which ways there are, what is saved, and what waits for what."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.changes import Cleanup, Command, Unit, Wait
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Host, Step, Upgrade
from sealer_runtime_k3s.names import PROGRAM, SERVER_SECRET
from sealer_runtime_k3s.runtime import K3s
from tests.plugins import kit
from tests.plugins.kit import assert_parses, host
from tests.plugins.runtime_k3s.samples import IMAGE, image


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": image("v1.33.1+k3s1"), "container_runtime": None, **over})


def steps(view: Cluster, previous: str = "v1.32.4+k3s1") -> dict[str, Step]:
    planned = K3s().upgrade(view, Upgrade(previous=image(previous), stamp="1"))
    return {step.id: step for step in planned}


@pytest.mark.parametrize(
    ("previous", "message"),
    [
        ("v1.33.1+k3s1", "already"),
        ("v1.33.2+k3s1", "no way back"),
        ("v1.31.9+k3s1", "one minor version at a time"),
    ],
)
def test_ways_that_there_are_not_are_refused(previous: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        steps(cluster(), previous)


def test_another_build_of_the_same_kubernetes_is_an_upgrade() -> None:
    assert steps(cluster(image=image("v1.33.1+k3s2")), "v1.33.1+k3s1")


def saving(view: Cluster, previous: str = "v1.32.4+k3s1") -> Command:
    (command,) = steps(view, previous)["k3s/save@10.0.0.1"].changes
    assert isinstance(command, Command)
    return command


def test_etcd_is_saved_before_anything_else_with_what_opens_it_for_root_alone(tmp_path: Path) -> None:
    view = cluster(host(1, MASTER), host(2), data_root=str(tmp_path))
    planned = steps(view)
    assert set(planned["k3s/save@10.0.0.1"].provides) <= set(planned["k3s/drain/10.0.0.1@10.0.0.1"].requires)
    program, secret = tmp_path / "k3s", tmp_path / "secret"
    secret.write_text("0a1b")
    program.write_text('#!/bin/sh\n[ "$1 $2" = "etcd-snapshot save" ] && : > "${4#--dir=}/sealer-n1-1"\n')
    program.chmod(0o755)
    script = saving(view).run.replace(PROGRAM, str(program)).replace(SERVER_SECRET, str(secret))
    subprocess.run(["sh", "-e"], input=script, text=True, check=True)
    kept = Path(view.data, "k3s-1")
    assert {file.name for file in kept.iterdir()} == {"sealer-n1-1", "server-secret", "complete"}
    assert {file.stat().st_mode & 0o077 for file in (kept, *kept.iterdir())} == {0}


def test_a_snapshot_that_is_none_stops_the_upgrade(tmp_path: Path) -> None:
    view = cluster(host(1, MASTER), data_root=str(tmp_path))
    script = saving(view).run.replace(PROGRAM, "true")
    done = subprocess.run(["sh", "-e"], input=script, text=True, check=False)
    assert done.returncode
    assert not Path(view.data, "k3s-1/complete").exists()


def test_what_can_not_be_saved_is_upgraded_without() -> None:
    assert "k3s/save@10.0.0.1" not in steps(cluster(image=IMAGE), "v1.21.1+k3s1")
    spec = {"datastore-endpoint": "postgres://db.example/k3s"}
    assert "k3s/save@10.0.0.1" not in steps(cluster(documents=({"kind": "K3sConfig", "spec": spec},)))


def test_the_unit_is_restarted_by_the_new_program_and_the_host_healthy_after_it() -> None:
    planned = steps(cluster(host(1, MASTER), host(2)))
    changes = planned["k3s/upgrade@10.0.0.2"].changes
    (unit,) = (change for change in changes if isinstance(change, Unit))
    assert "/usr/local/bin/k3s" in [change.path for change in changes if hasattr(change, "path")]
    assert "/usr/local/bin/k3s" in unit.watches
    for step in planned.values():
        assert_parses(step)


@pytest.mark.parametrize(
    ("wanted", "state", "healthy"),
    [
        ("v1.33.1+k3s1", "v1.33.1+k3s1 True", True),
        ("v1.33.1+k3s2", "v1.33.1+k3s1 True", False),
        ("v1.33.1+k3s1", "v1.33.1+k3s1 False", False),
        ("v1.33.1+k3s1", "v1.32.4+k3s1 True", False),
        ("v1.33.1", "v1.33.1+k3s1 True", True),
        ("v1.33.1", "v1.33.10+k3s1 True", False),
    ],
)
def test_a_node_is_healthy_when_it_is_ready_with_that_very_build(
    tmp_path: Path, wanted: str, state: str, healthy: bool
) -> None:
    planned = steps(cluster(host(1, MASTER), image=image(wanted)))
    (gate,) = (c for c in planned["k3s/healthy/10.0.0.1@10.0.0.1"].changes if isinstance(c, Wait))
    program = tmp_path / "k3s"
    program.write_text(f"#!/bin/sh\nprintf %s {state!r}\n")
    program.chmod(0o755)
    script = gate.until.replace(PROGRAM, str(program))
    assert (subprocess.run(["sh"], input=script, text=True, check=False).returncode == 0) is healthy


@pytest.mark.parametrize(("runs", "told"), [(0, ["restart"]), (1, [])])
def test_rolled_back_k3s_starts_with_the_program_of_before_if_it_runs(runs: int, told: list[str]) -> None:
    """The first change is the last one that is taken back."""
    first = steps(cluster(host(1, MASTER)))["k3s/upgrade@10.0.0.1"].changes[0]
    assert isinstance(first, Cleanup)
    stub = f'systemctl() {{ if [ "$1" = is-active ]; then return {runs}; else echo "$1"; fi; }}\nset -e\n'
    done = subprocess.run(["sh"], input=stub + first.run, text=True, check=True, capture_output=True)
    assert done.stdout.split() == told
