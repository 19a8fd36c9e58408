"""Hosts that leave: in which order, who is told, and what is asked of etcd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.changes import Command, File
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Departure, Host, Step, at
from sealer_runtime_k3s import etcd
from sealer_runtime_k3s.names import PROGRAM
from sealer_runtime_k3s.runtime import K3s
from tests.plugins import kit
from tests.plugins.kit import assert_parses, host
from tests.plugins.runtime_k3s.samples import IMAGE


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def removal(view: Cluster, departure: Departure) -> dict[str, Step]:
    return {step.id: step for step in K3s().remove(view, departure)}


def command_of(step: Step) -> Command:
    return next(change for change in step.changes if isinstance(change, Command))


def test_hosts_leave_masters_one_after_the_other_and_those_that_are_lost_first() -> None:
    view = cluster(*(host(number, MASTER) for number in (1, 2, 3)), host(4))
    leaving = Departure(hosts=(view.hosts[0], view.hosts[1], view.hosts[3]), lost=frozenset({"10.0.0.2"}))
    planned = removal(view, leaving)
    first, second, node = (planned[f"k3s/remove/10.0.0.{number}@10.0.0.3"] for number in (2, 1, 4))
    assert first.provides == ("removed@10.0.0.2",)
    assert second.requires == ("cleared@10.0.0.3", "removed@10.0.0.2")
    assert " drain " not in command_of(first).run
    assert " drain " in command_of(second).run
    assert "members" not in command_of(node).run
    for step in planned.values():
        assert_parses(step)


def test_masters_stay_as_long_as_etcd_needs_them() -> None:
    view = cluster(*(host(number, MASTER) for number in (1, 2, 3)))
    with pytest.raises(PlanError, match="quorum"):
        removal(view, Departure(hosts=view.hosts[:1], lost=frozenset({"10.0.0.2"})))


def test_hosts_that_stay_turn_to_masters_that_stay_before_the_first_one_leaves() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4), host(5))
    planned = removal(view, Departure(hosts=view.hosts[:1], lost=frozenset({"10.0.0.5"})))
    told = {
        step.host: change.content
        for step in planned.values()
        for change in step.changes
        if isinstance(change, File)
    }
    assert set(told) == {"10.0.0.2", "10.0.0.3", "10.0.0.4"}
    assert "K3S_CLUSTER_INIT=true" in told["10.0.0.2"]
    assert "K3S_URL=https://10.0.0.2:6443" in told["10.0.0.3"]
    assert told["10.0.0.3"] == told["10.0.0.4"]
    needed = planned["k3s/remove/10.0.0.1@10.0.0.2"].requires
    assert set(needed) == {at("k3s-endpoint", name) for name in told}


def test_nobody_is_told_anything_when_others_than_the_first_master_leave() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3))
    assert set(removal(view, Departure(hosts=view.hosts[1:]))) == {
        "k3s/clear@10.0.0.1",
        "k3s/remove/10.0.0.2@10.0.0.1",
        "k3s/remove/10.0.0.3@10.0.0.1",
    }


def stand_in(directory: Path, *, prints: str, fails: bool = False) -> Path:
    """Make a program that answers always the same."""
    program = directory / "k3s"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\nexit {int(fails)}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("states", "enough"),
    [
        ("n1 True\nn2 True\nn3 True", True),
        ("n1 True\nn2 True\nn3 Unknown", False),
        ("n1 Unknown\nn2 True\nn3 True", True),
        ("n1 True\nn2 True", True),
        ("n1 True\nn2 False", False),
    ],
)
def test_what_stays_of_etcd_must_have_its_quorum(tmp_path: Path, states: str, enough: bool) -> None:
    program = stand_in(tmp_path, prints=states)
    script = etcd.require_quorum_without("n1").replace(PROGRAM, str(program))
    done = subprocess.run(["sh", "-e"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is enough
    assert ("would lose its quorum" in done.stderr) is not enough


@pytest.mark.parametrize(
    ("members", "fails", "gone"),
    [
        ('[{"id":1,"peerURLs":["https://10.0.0.1:2380"],"name":"n1-0a1b"}]', False, True),
        (
            '[{"id":1,"peerURLs":["https://10.0.0.1:2380"]},{"peerURLs":["https://10.0.0.2:2380"]}]',
            False,
            False,
        ),
        ('[{"id":1,"peerURLs":["https://10.0.0.20:2380"]}]', False, True),
        ("", True, False),
    ],
)
def test_a_member_is_gone_when_etcd_says_so_and_not_when_it_says_nothing(
    tmp_path: Path, members: str, fails: bool, gone: bool
) -> None:
    program = stand_in(tmp_path, prints=members, fails=fails)
    script = etcd.has_no_member(host(1, MASTER), host(2, MASTER)).replace(PROGRAM, str(program))
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is gone
