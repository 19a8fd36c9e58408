"""SSH servers that are restarted, and clocks that are wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sealer.testing.lab import Node
from tests.lab import kills
from tests.lab.faults.ground import DELETE, NORMALISED, Ground
from tests.lab.faults.table import FAULTS, Outcome
from tests.lab.operator import Running

pytestmark = pytest.mark.lab

DAY = 86400.0


@pytest.fixture
def node(ground: Ground) -> Iterator[Node]:
    """Return the node, with a clock that is right afterwards."""
    one = ground.lab.node("n2")
    yield one
    one.set_clock(0)


@pytest.mark.parametrize("name", ["n1", "n2"])
def test_sshd_is_restarted_while_a_step_changes_the_host(ground: Ground, name: str) -> None:
    node = ground.lab.node(name)

    def restart(running: Running) -> None:
        running.until("step-started", step=f"plain/prepare@{node.address}")
        node.restart_ssh()

    ground.survive(FAULTS["ssh/restart"], restart)


def test_sshd_is_restarted_while_the_host_is_cleaned(ground: Ground, node: Node) -> None:
    def restart(running: Running) -> None:
        running.until("step-started", step=f"take-back@{node.address}")
        node.restart_ssh()

    ground.survive(FAULTS["ssh/restart-delete"], restart, deletion=True)


def test_a_clock_that_is_wrong_before_the_run(ground: Ground, node: Node) -> None:
    node.set_clock(3600)
    ground.survive(FAULTS["clock/before"], lambda _: None, mend=lambda: node.set_clock(0))


def test_a_clock_that_jumps_in_the_middle(ground: Ground, node: Node) -> None:
    def jump(running: Running) -> None:
        running.until("step-finished", step=f"rootfs@{node.address}")
        node.set_clock(-DAY)

    ground.survive(FAULTS["clock/during"], jump, mend=lambda: node.set_clock(0))


def test_the_operators_clock_is_set_back(ground: Ground) -> None:
    """What is the newest operation is not a matter of clocks."""
    ground.operator.sealer(*ground.run_words)
    run = ground.operator.operations()[-1]
    future = run.rename(run.with_name(f"2099{run.name[4:]}"))
    with ground.operator.start(*DELETE) as running:
        running.until("operation-started")
        running.kill()
    assert ground.operator.operations()[-1] > future
    assert ground.operator.has_open_operation
    ground.operator.sealer("resume")
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)
    assert FAULTS["clock/operator"].outcome is Outcome.RESUMED
