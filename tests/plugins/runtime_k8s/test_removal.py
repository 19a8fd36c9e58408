"""How hosts leave a cluster of Kubernetes, masters above all."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Command, HostsEntry, Unit
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Departure, Host, Step
from sealer.operation.plan import make_plan
from sealer_runtime_k8s import etcd
from sealer_runtime_k8s.names import PROGRAMS
from sealer_runtime_k8s.removal import removal_steps
from tests.plugins.kit import assert_parses, balanced_image, cluster, host
from tests.shells import every_shell

MASTERS = (host(1, MASTER), host(2, MASTER), host(3, MASTER))
NODES = (host(4), host(5))


def view(*, masters: int = 3, **over: object) -> Cluster:
    return replace(cluster(*MASTERS[:masters], *NODES, **over), image=balanced_image())


def steps(*leaving: Host, lost: Iterable[Host] = (), of: Cluster | None = None) -> dict[str, Step]:
    names = frozenset(host.name for host in lost)
    found = tuple(removal_steps(of or view(), Departure(hosts=leaving, lost=names)))
    make_plan(found)
    for step in found:
        assert_parses(step)
    return {step.id: step for step in found}


def command(step: Step) -> Command:
    (change,) = step.changes
    assert isinstance(change, Command)
    return change


@pytest.mark.parametrize(("address", "server"), [("10.0.0.1", "127.0.0.1"), ("fd71::11", "[::1]")])
def test_etcd_is_asked_by_the_loopback_address_that_it_listens_on(address: str, server: str) -> None:
    words = etcd.etcdctl(view(), replace(MASTERS[0], address=address))
    assert f"--endpoints=https://{server}:2379" in shlex.split(words)


def test_nodes_are_drained_side_by_side_and_nobody_else_is_touched() -> None:
    found = steps(*NODES)
    clearing = found.pop("kubernetes/clear@10.0.0.1")
    assert "cordon $nodes" in command(clearing).run
    assert command(clearing).run.count("left=60\n") == 2
    assert set(found) == {"kubernetes/remove/10.0.0.4@10.0.0.1", "kubernetes/remove/10.0.0.5@10.0.0.1"}
    for step in found.values():
        assert step.requires == clearing.provides
        assert "etcd" not in command(step).run
        assert "left=300\n" in command(step).run


def test_all_hosts_that_stay_turn_to_other_masters_before_one_leaves() -> None:
    found = steps(MASTERS[1])
    removed = found["kubernetes/remove/10.0.0.2@10.0.0.1"]
    pointing = [step for step in found.values() if step.id.startswith("kubernetes/endpoint@")]
    assert {step.host for step in pointing} == {"10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5"}
    assert set(removed.requires) == {name for step in pointing for name in step.provides}
    for step in pointing:
        for change in step.changes:
            if isinstance(change, HostsEntry):
                assert "10.0.0.2" not in (change.address, *change.further)
            if isinstance(change, Unit):
                assert "--endpoints=10.0.0.1:6443,10.0.0.3:6443 " in (change.content or "")


def test_masters_leave_one_after_the_other_and_the_next_one_speaks_for_the_first() -> None:
    found = steps(MASTERS[0], MASTERS[1])
    first, second = found["kubernetes/remove/10.0.0.1@10.0.0.3"], found["kubernetes/remove/10.0.0.2@10.0.0.3"]
    assert first.provides == ("removed@10.0.0.1",)
    assert second.requires == ("cleared@10.0.0.3", "removed@10.0.0.1")
    assert "etcd-n3" in command(first).run


def test_a_master_that_is_lost_is_not_drained_and_goes_first() -> None:
    found = steps(MASTERS[1], MASTERS[2], lost=[MASTERS[2]])
    lost, other = found["kubernetes/remove/10.0.0.3@10.0.0.1"], found["kubernetes/remove/10.0.0.2@10.0.0.1"]
    assert " drain " not in command(lost).run
    assert " drain " in command(other).run
    assert other.requires == lost.provides


def test_a_node_that_is_lost_is_not_told() -> None:
    found = steps(MASTERS[2], lost=[NODES[0]])
    assert "10.0.0.4" not in {step.host for step in found.values()}


@pytest.mark.parametrize(
    ("leaving", "lost", "message"),
    [
        ([MASTERS[1]], [MASTERS[2]], "etcd would lose its quorum: of 2 masters 2 are needed, and 10.0.0.3"),
        ([MASTERS[1]], [MASTERS[1], MASTERS[2]], "etcd has lost its quorum: of 3 masters 2 are needed"),
        ([MASTERS[0]], [MASTERS[1], MASTERS[2]], "no master that stays can be reached"),
    ],
)
def test_what_would_stop_etcd_is_refused(leaving: list[Host], lost: list[Host], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        steps(*leaving, lost=lost)


def test_a_cluster_without_a_quorum_of_its_own_has_nothing_to_guard() -> None:
    document = {"kind": "ClusterConfiguration", "etcd": {"external": {"endpoints": ["https://e:2379"]}}}
    found = steps(MASTERS[1], lost=[MASTERS[2]], of=view(documents=(document,)))
    assert "etcdctl" not in command(found["kubernetes/remove/10.0.0.2@10.0.0.1"]).run


def test_an_endpoint_of_the_users_own_is_left_to_the_user() -> None:
    document = {"kind": "ClusterConfiguration", "controlPlaneEndpoint": "api.example.com:6443"}
    found = steps(MASTERS[1], of=view(documents=(document,)))
    assert set(found) == {"kubernetes/remove/10.0.0.2@10.0.0.1"}


def member_list(*numbers: int) -> str:
    return "\n".join(
        f"{number}e9e, started, n{number}, https://10.0.0.{number}:2380, https://10.0.0.{number}:2379, false"
        for number in numbers
    )


def run(
    script: str,
    tmp_path: Path,
    shell: tuple[str, ...],
    *,
    members: str,
    healthy: Iterable[int],
    leaderless: int = 0,
) -> str:
    """Run a script with an etcdctl that has these members; return what it says and what it removed.

    So many questions come first while etcd has no leader.
    """
    lines = [
        f"https://10.0.0.{number}:2379 is {'healthy: took 9ms' if number in healthy else 'unhealthy: no'}"
        for number in range(1, 6)
        if f"n{number}," in members
    ]
    tool = tmp_path / "etcdctl"
    tool.write_text(
        f"""#!/bin/sh
echo "$1 $2" >> "$0.calls"
[ "$(wc -l < "$0.calls")" -gt {leaderless} ] || {{ echo 'etcdserver: leader changed'; exit 1; }}
case "$1 $2" in
"member list") printf '%s\\n' '{members}';;
"endpoint health") printf '%s\\n' '{chr(10).join(lines)}' >&2; exit 1;;
"member remove") echo "removed $3";;
*) exit 9;;
esac
"""
    )
    tool.chmod(0o755)
    tool.with_name("etcdctl.calls").write_text("")
    words = etcd.etcdctl(view(), MASTERS[0])
    done = subprocess.run(
        shell,
        input=f"sleep() {{ :; }}\nset -e\n{script.replace(words, str(tool))}",
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{done.returncode} {done.stdout}{done.stderr}".strip()


@every_shell
def test_etcd_itself_is_asked_whether_it_can_do_without(shell: tuple[str, ...], tmp_path: Path) -> None:
    guard = etcd.require_quorum_without(view(), MASTERS[0], MASTERS[2])
    three = member_list(1, 2, 3)
    assert run(guard, tmp_path, shell, members=three, healthy=(1, 2, 3)) == "0"
    assert run(guard, tmp_path, shell, members=three, healthy=(1, 2)) == "0"
    assert "of 2 members that stay 2 must be healthy, 1 are" in run(
        guard, tmp_path, shell, members=three, healthy=(1, 3)
    )
    assert run(guard, tmp_path, shell, members=member_list(1, 3), healthy=(1,)) == "0"
    assert run(guard, tmp_path, shell, members=three, healthy=(1, 2), leaderless=3).startswith("0")
    # It left in an earlier attempt.
    assert run(guard, tmp_path, shell, members=member_list(1, 2), healthy=(1, 2)) == "0"


@every_shell
def test_the_pod_of_etcd_is_waited_for(shell: tuple[str, ...], tmp_path: Path) -> None:
    tool = tmp_path / "kubectl"

    def waited(attempts: int) -> tuple[int, int]:
        """Return the status, and how often it was asked, when it is known at this attempt."""
        calls = tmp_path / "calls"
        calls.write_text("")
        tool.write_text(
            f'#!/bin/sh\necho "$*" >> {calls}\n[ "$(wc -l < {calls})" -lt {attempts} ] || echo pod/etcd-n1\n'
        )
        tool.chmod(0o755)
        script = etcd.wait_for_pod(view(), MASTERS[0]).replace(f"{PROGRAMS}/kubectl", str(tool))
        done = subprocess.run(
            shell,
            input=f"sleep() {{ :; }}\nset -e\n{script}\necho on",
            capture_output=True,
            text=True,
            check=False,
        )
        asked = calls.read_text().splitlines()
        assert set(asked) == {"-n kube-system get pod etcd-n1 --ignore-not-found -o name"}
        assert done.stderr.splitlines() == ["the API server has not heard of the pod etcd-n1 yet"] * (
            len(asked) - (done.stdout == "on\n")
        )
        return done.returncode, len(asked)

    assert waited(1) == (0, 1)
    assert waited(5) == (0, 5)
    assert waited(100) == (1, 40)


@every_shell
def test_the_member_of_a_host_is_found_by_its_address(shell: tuple[str, ...], tmp_path: Path) -> None:
    removal = etcd.remove_member(view(), MASTERS[0], MASTERS[2])
    members = member_list(1, 2, 3)
    assert run(removal, tmp_path, shell, members=members, healthy=()) == "0 removed 3e9e"
    assert run(removal, tmp_path, shell, members=member_list(1, 2), healthy=()) == "0"
    assert run(removal, tmp_path, shell, members=members, healthy=(), leaderless=3) == "0 removed 3e9e"
    gone = etcd.has_no_member(view(), MASTERS[0], MASTERS[2])
    assert run(gone, tmp_path, shell, members=members, healthy=())[0] == "1"
    assert run(gone, tmp_path, shell, members=member_list(1, 2), healthy=()) == "0"
