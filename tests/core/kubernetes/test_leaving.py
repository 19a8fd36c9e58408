"""What is said to a cluster about nodes that leave."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.changes import Command
from sealer.kubernetes import (
    clearing_step,
    drain_command,
    forget_command,
    leave_in_turn,
    removal_step,
)
from sealer.kubernetes.leaving import clear_command
from sealer.model import Departure, Host, Step
from sealer.testing import example_host

KUBECTL = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$0.calls"
[ "$(wc -l < "$0.calls")" -gt {failures} ] || {{ echo 'etcdserver: leader changed' >&2; exit 1; }}
"""


def say(directory: Path, failures: int, *, script: str = "", took: int = 0) -> tuple[int, list[str]]:
    """Run a script with a kubectl that is refused so often, and without its pauses.

    Args:
        directory: Where kubectl is put, as ``kubectl``.
        failures: How often it is refused.
        script: What is run; without it, what forgets a node.
        took: How many seconds each call of kubectl takes, by the clock.
    """
    kubectl, calls = directory / "kubectl", directory / "kubectl.calls"
    kubectl.write_text(KUBECTL.format(failures=failures))
    kubectl.chmod(0o755)
    calls.touch()
    clock = f"date() {{ echo $(({took} * $(wc -l < {calls}))); }}"
    text = script or forget_command(str(kubectl), "n2")
    script = f"sleep() {{ :; }}\n{clock}\nset -e\n{text}\necho on"
    done = subprocess.run(["dash"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (done.stdout == "on\n") == (done.returncode == 0)
    return done.returncode, calls.read_text().splitlines()


def test_a_node_is_forgotten_though_etcd_chooses_a_leader_meanwhile(tmp_path: Path) -> None:
    assert say(tmp_path, failures=3) == (0, ["delete node n2 --ignore-not-found"] * 4)


def test_what_is_refused_for_long_fails(tmp_path: Path) -> None:
    status, calls = say(tmp_path, failures=99)
    assert status == 1
    assert len(calls) == 10


def test_masters_leave_one_after_the_other_lost_ones_first_and_nodes_side_by_side() -> None:
    masters = [example_host(number, master=True) for number in (1, 2)]
    nodes = [example_host(number) for number in (3, 4)]
    agent = example_host(5, master=True)
    leaving = Departure(hosts=(*masters, *nodes), lost=frozenset({masters[1].name}))

    def step(host: Host, before: tuple[str, ...]) -> Step:
        return removal_step(
            leaving, host, agent, distribution="toy", node="n", run=("a", "b"), gone="c", requires=before
        )

    steps = list(leave_in_turn(leaving, step, requires=("told",)))
    assert {made.provides: made.requires for made in steps} == {
        (f"removed@{masters[1].name}",): ("told",),
        (f"removed@{masters[0].name}",): (f"removed@{masters[1].name}",),
        (f"removed@{nodes[0].name}",): (),
        (f"removed@{nodes[1].name}",): (),
    }
    assert {made.host for made in steps} == {agent.name}


def test_pods_do_not_move_to_hosts_that_leave_next(tmp_path: Path) -> None:
    kubectl = str(tmp_path / "kubectl")
    drains = {node: drain_command(kubectl, node, 60) for node in ("n2", "n3")}
    status, calls = say(tmp_path, failures=1, script=clear_command(kubectl, drains))
    assert status == 0
    assert calls[:2] == ["get node n2 n3 --ignore-not-found -o name"] * 2
    assert calls[2] == "cordon"
    assert sorted(call.split()[:2] for call in calls[3:]) == [["drain", "n2"], ["drain", "n3"]]


def test_a_host_that_leaves_alone_or_is_lost_needs_nobody_cleared() -> None:
    hosts = tuple(example_host(number) for number in (3, 4, 5))
    agent = example_host(1, master=True)

    def clearing(departure: Departure) -> Step | None:
        return clearing_step(
            departure,
            agent,
            distribution="toy",
            kubectl="kubectl",
            node=lambda host: host.name,
            drain=lambda _, node, seconds: f"drain {node} {seconds}",
        )

    assert clearing(Departure(hosts=hosts[:1])) is None
    assert clearing(Departure(hosts=hosts[:2], lost=frozenset({hosts[0].name}))) is None
    found = clearing(Departure(hosts=hosts, lost=frozenset({hosts[0].name}), drain_seconds=5))
    assert found is not None
    assert found.title == f"move pods away from {hosts[1].name}, {hosts[2].name}"
    (change,) = found.changes
    assert isinstance(change, Command)
    assert f"drain {hosts[2].name} 5" in change.run


@pytest.mark.parametrize(
    ("failures", "took", "status", "budgets"),
    [
        (0, 50, 0, ["60s"]),
        (2, 10, 0, ["60s", "50s", "40s"]),
        # Its pods did not move away in the time they had.
        (9, 60, 1, ["60s"]),
        (9, 25, 1, ["60s", "35s", "10s"]),
        (9, 0, 1, ["60s"] * 5),
    ],
)
def test_a_drain_that_is_refused_has_the_time_that_is_left(
    tmp_path: Path, failures: int, took: int, status: int, budgets: list[str]
) -> None:
    drain = drain_command(str(tmp_path / "kubectl"), "n2", 60)
    ended, calls = say(tmp_path, failures, script=drain, took=took)
    assert all(call.startswith("drain n2 --ignore-daemonsets ") for call in calls)
    assert (ended, [call.rpartition("=")[2] for call in calls]) == (status, budgets)
