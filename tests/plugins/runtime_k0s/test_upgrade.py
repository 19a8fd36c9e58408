"""Upgrades: which ways there are, what is saved, and what waits for what."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.changes import Cleanup, Command, Unit, Wait
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Host, Step, Upgrade
from sealer_runtime_k0s.names import DATA
from sealer_runtime_k0s.runtime import K0s
from tests.plugins import kit
from tests.plugins.kit import assert_parses, host
from tests.plugins.runtime_k0s.samples import IMAGE, image


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def steps(view: Cluster, previous: str = "v1.32.4+k0s.0") -> dict[str, Step]:
    planned = K0s().upgrade(view, Upgrade(previous=image(previous), stamp="1"))
    return {step.id: step for step in planned}


@pytest.mark.parametrize(
    ("previous", "message"),
    [
        ("v1.33.1+k0s.0", "already"),
        ("v1.33.2+k0s.0", "no way back"),
        ("v1.31.9+k0s.0", "one minor version at a time"),
    ],
)
def test_ways_that_there_are_not_are_refused(previous: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        steps(cluster(), previous)


def test_another_build_of_the_same_kubernetes_is_an_upgrade() -> None:
    assert steps(cluster(image=image("v1.33.1+k0s.1")), "v1.33.1+k0s.0")


def test_what_k0s_holds_is_saved_before_anything_else_for_root_alone() -> None:
    planned = steps(cluster(host(1, MASTER), host(2)))
    backup = planned["k0s/save@10.0.0.1"]
    (command,) = (change for change in backup.changes if isinstance(change, Command))
    assert "umask 077" in command.run
    assert "k0s backup --save-path=/var/lib/sealer/demo/k0s-1" in command.run
    assert set(backup.provides) <= set(planned["k0s/drain/10.0.0.1@10.0.0.1"].requires)


def test_a_k0s_that_has_no_backup_is_upgraded_without() -> None:
    planned = steps(cluster(image=image("v1.21.14+k0s.0")), "v1.20.6+k0s.0")
    assert not [name for name in planned if name.startswith("k0s/save")]


def test_the_unit_is_restarted_by_the_new_program_and_the_host_healthy_after_it() -> None:
    planned = steps(cluster(host(1, MASTER), host(2)))
    changes = planned["k0s/upgrade@10.0.0.2"].changes
    paths = [change.path for change in changes if hasattr(change, "path")]
    (unit,) = (change for change in changes if isinstance(change, Unit))
    assert "/usr/local/bin/k0s" in paths
    assert "/usr/local/bin/k0s" in unit.watches
    (gate,) = (c for c in planned["k0s/healthy/10.0.0.2@10.0.0.1"].changes if isinstance(c, Wait))
    assert "v1.33.1" in gate.until
    for step in planned.values():
        assert_parses(step)


def test_rolled_back_k0s_unpacks_its_own_programs_again_and_runs_as_before(tmp_path: Path) -> None:
    first = steps(cluster(host(1, MASTER)))["k0s/upgrade@10.0.0.1"].changes[0]
    assert isinstance(first, Cleanup)
    newer = tmp_path / "bin/kubelet"
    newer.parent.mkdir()
    for runs, told in (("0", ["stop", "start"]), ("1", [])):
        newer.touch()
        script = first.run.replace(DATA, str(tmp_path))
        stub = f'systemctl() {{ if [ "$1" = is-active ]; then return {runs}; else echo "$1"; fi; }}\nset -e\n'
        done = subprocess.run(["sh"], input=stub + script, text=True, check=True, capture_output=True)
        assert done.stdout.split() == told
        assert not newer.exists()


def test_a_controller_that_is_no_node_is_neither_drained_nor_waited_for_as_one() -> None:
    planned = steps(cluster(host(1, MASTER), host(2, MASTER, env={"EnableWorker": "false"})))
    told = str([planned[f"k0s/{what}/10.0.0.2@10.0.0.1"].changes for what in ("drain", "healthy")])
    assert "drain" not in told
    assert "get node" not in told
