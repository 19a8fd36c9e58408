"""Turns of hosts that are upgraded, and what is asked of nodes meanwhile."""

from __future__ import annotations

import subprocess

import pytest

from sealer.changes import Command, Wait
from sealer.kubernetes import host_needs, in_turns, moved_away, ready_with, takes_pods_again
from sealer.model import Cluster, Host, Step, Upgrade, at
from sealer.testing import example_cluster, example_host, example_image

UPGRADE = Upgrade(previous=example_image(), stamp="1", batch=2)


def turn(host: Host, before: tuple[str, ...]) -> list[Step]:
    provides = (at("member", host.name),)
    return [Step(id=host.name, title="", host=host.name, changes=(), provides=provides, requires=before)]


def test_masters_have_their_turns_one_by_one_and_nodes_in_batches() -> None:
    masters = [example_host(number, master=True) for number in (1, 2)]
    nodes = [example_host(number) for number in (3, 4, 5)]
    cluster = example_cluster(*masters, *nodes)
    names = [host.name for host in cluster.hosts]
    steps = in_turns(cluster, UPGRADE, turn, requires=("ready",))
    assert {step.host: step.requires for step in steps} == {
        names[0]: ("ready",),
        names[1]: (at("member", names[0]),),
        names[2]: (at("member", names[1]),),
        names[3]: (at("member", names[1]),),
        names[4]: (at("member", names[2]), at("member", names[3])),
    }


def two() -> Cluster:
    return example_cluster(example_host(1, master=True), example_host(2))


def run_of(cluster: Cluster, drain: str | None = None) -> str:
    change = moved_away(cluster, UPGRADE, node="n1", kubectl="kubectl", drain=drain)
    assert isinstance(change, Command)
    return change.run


def test_pods_move_away_unless_there_is_no_other_node() -> None:
    assert "until kubectl drain n1 " in run_of(two())
    assert run_of(two(), "drain it") == "drain it"
    assert run_of(example_cluster(example_host(1, master=True)), "drain it") == "kubectl cordon n1"


@pytest.mark.parametrize(("failures", "asked"), [(0, 1), (3, 4), (99, 20)])
def test_pods_may_return_as_soon_as_somebody_answers(failures: int, asked: int) -> None:
    """Nothing else is kept from being taken back when nobody ever does."""
    change = moved_away(two(), UPGRADE, node="n1", kubectl="kubectl")
    assert isinstance(change, Command)
    stub = f'calls=0\nkubectl() {{ calls=$((calls + 1)); [ "$calls" -gt {failures} ]; }}\n'
    script = f"{stub}sleep() {{ :; }}\nset -e\n{change.revert}\necho $calls"
    done = subprocess.run(["dash"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout == f"{asked}\n"


def test_what_a_host_needs_is_what_the_cluster_has() -> None:
    bare = example_cluster(example_host(1, master=True), container_runtime=None, registry=None)
    name = bare.first_master.name
    assert host_needs(bare, bare.first_master, "turn") == (at("rootfs", name), "turn")
    full = host_needs(two(), two().hosts[1])
    assert full == tuple(
        at(need, two().hosts[1].name) for need in ("rootfs", "container-runtime", "registry-access")
    )


@pytest.mark.parametrize(
    ("state", "holds"),
    [
        ("v1.2.3+x True", True),
        ("v1.2.3 True", True),
        ("v1.2.30 True", False),
        ("v1.2.3 False", False),
        ("", False),
    ],
)
def test_a_node_is_ready_with_its_version(state: str, holds: bool) -> None:
    change = ready_with("v1.2.3", ("v1.2.3", "v1.2.3+*"), node="n1", kubectl="kubectl")
    assert isinstance(change, Wait)
    script = f"kubectl() {{ printf %s '{state}'; }}\n{change.until}"
    assert (subprocess.run(["sh"], input=script, text=True, check=False).returncode == 0) is holds


@pytest.mark.parametrize(("said", "done"), [("", True), ("true", False)])
def test_pods_are_let_onto_a_node_that_takes_none(said: str, done: bool) -> None:
    change = takes_pods_again(node="n1", kubectl="kubectl")
    assert isinstance(change, Command)
    script = f"kubectl() {{ printf %s '{said}'; }}\n{change.unless}"
    assert (subprocess.run(["sh"], input=script, text=True, check=False).returncode == 0) is done


def test_a_node_that_takes_pods_again_is_nothing_that_a_rollback_leaves_behind() -> None:
    """It is not told of as what no undo is known of, and nothing is asked of a cluster that is taken back."""
    undo = takes_pods_again(node="n1", kubectl="kubectl").undo()
    assert undo is not None
    done = subprocess.run(
        ["dash"], input=f"set -e\nPATH=\n{undo}\n", capture_output=True, text=True, check=True
    )
    assert not done.stderr


def test_pods_that_may_return_are_no_reason_to_wait_long_for_an_api_server_without_etcd() -> None:
    """It answers nothing for a minute at a time, and the question is put again and again."""
    change = moved_away(two(), UPGRADE, node="n1", kubectl="kubectl")
    assert isinstance(change, Command)
    stub = "kubectl() { case $1 in --request-timeout=*) timeout=${1#*=}; shift ;; *) exit 9 ;; esac\n"
    script = f'{stub}echo "${{timeout%s}} $*"; }}\n{change.revert}'
    done = subprocess.run(["dash"], input=script, capture_output=True, text=True, check=True)
    seconds, *words = done.stdout.split()
    assert 0 < int(seconds) <= 10
    assert words == ["uncordon", "n1"]
