from __future__ import annotations

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
