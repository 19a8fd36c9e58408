from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Command, File
from sealer.model import Phase, Task
from sealer.testing import example_cluster, example_host
from sealer_task_standard import sealer_task_types

TYPES = {task_type.name: task_type for task_type in sealer_task_types()}
CLUSTER = example_cluster(example_host(1, master=True), example_host(2), example_host(3))


def changes(kind: str, data: str, phase: Phase = Phase.POST_INSTALL, host: int = 0) -> list[object]:
    task = Task(name="t", type=kind, phase=phase, data=data)
    return list(TYPES[kind].changes(CLUSTER, CLUSTER.hosts[host], task))


def test_a_host_gets_the_name_of_its_line() -> None:
    file, command = changes("hostname", "10.0.0.1 one\n10.0.0.2-10.0.0.3 two # both\n", host=2)
    assert isinstance(file, File)
    assert file.content == "two\n"
    assert isinstance(command, Command)
    assert command.run == "hostname two"


def test_plans_know_the_name_that_a_host_is_to_have() -> None:
    task = Task(
        name="t", type="hostname", phase=Phase.PRE_INIT_HOST, data="10.0.0.1-10.0.0.2 one\n10.0.0.2 two\n"
    )
    names = [TYPES["hostname"].host_name(host, task) for host in CLUSTER.hosts]
    assert names == ["one", "two", None]
    assert TYPES["shell"].host_name(CLUSTER.hosts[0], task) is None


def test_labels_are_set_on_every_node_that_is_named_when_it_is_done_once() -> None:
    found = changes("label", "10.0.0.2,10.0.0.3 zone=b\n10.0.0.1 zone=a,old-\n")
    lines = [one.run.splitlines()[-1] for one in found if isinstance(one, Command)]
    assert lines == [
        'kubectl label node "$node" --overwrite zone=a old-',
        'kubectl label node "$node" --overwrite zone=b',
        'kubectl label node "$node" --overwrite zone=b',
    ]


def test_at_a_phase_of_hosts_each_sets_its_own() -> None:
    assert len(changes("taint", "10.0.0.1-10.0.0.3 a=b:NoSchedule", Phase.POST_INIT_HOST, host=1)) == 1
    assert changes("taint", "10.0.0.1 a=b:NoSchedule", Phase.POST_INIT_HOST, host=1) == []


@pytest.mark.parametrize("data", ["10.0.0.x a=b", "10.0.0.1-10.0.0 a=b", "10.0.0.2"])
def test_lines_that_are_malformed(data: str) -> None:
    with pytest.raises(ValueError, match=r"no address|says nothing"):
        changes("label", data)


def ran(script: str, directory: Path, kubectl: str) -> subprocess.CompletedProcess[str]:
    """Run a script beside a kubectl that says one thing."""
    program = directory / "kubectl"
    program.write_text(f"#!/bin/sh\n{kubectl}\n")
    program.chmod(0o755)
    env = {"PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=False)


def test_the_snapshot_is_made_by_the_etcd_of_the_host_that_keeps_it(tmp_path: Path) -> None:
    (task,) = changes("etcd", "")
    assert isinstance(task, Command)
    finding = task.run.partition("kubectl exec")[0]
    listed = "echo '10.0.0.11 etcd-far'; echo '10.0.0.1 etcd-here'; echo '10.0.0.3 etcd-other'"
    assert ran(f'{finding}echo "$pod"', tmp_path, listed).stdout == "etcd-here\n"
    none = ran(finding, tmp_path, "echo '10.0.0.11 etcd-far'")
    assert (none.returncode, none.stderr) == (1, "no pod of etcd runs in kube-system on this host\n")


def test_the_etcd_of_a_master_of_ipv6_is_asked_by_the_address_that_it_listens_on() -> None:
    master = replace(CLUSTER.hosts[0], address="fd71::11")
    task = Task(name="t", type="etcd", phase=Phase.POST_INSTALL, data="")
    (made,) = TYPES["etcd"].changes(replace(CLUSTER, hosts=(master,)), master, task)
    assert isinstance(made, Command)
    assert "--endpoints=https://[::1]:2379" in shlex.split(made.run)


def test_the_check_of_a_cluster_passes_pods_by_that_have_done_their_work(tmp_path: Path) -> None:
    (task,) = changes("clustercheck", "60")
    assert isinstance(task, Command)
    told = ran(task.run, tmp_path, 'for word; do echo "$word"; done').stderr.splitlines()
    assert "--field-selector=status.phase!=Succeeded,status.phase!=Failed" in told
    assert "--all" not in told


@pytest.mark.parametrize(
    ("says", "status"), [("True True ", 0), ("True False ", 1), ("Unknown ", 1), ("", 1)]
)
def test_a_cluster_is_ready_when_each_of_its_pods_is(tmp_path: Path, says: str, status: int) -> None:
    (task,) = changes("clustercheck", "60")
    assert isinstance(task, Command)
    assert ran(task.unless, tmp_path, f"printf '%s' '{says}'").returncode == status
    assert ran(task.unless, tmp_path, "exit 3").returncode == 3
