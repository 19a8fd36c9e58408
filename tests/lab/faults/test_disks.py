"""Disks that are full, and directories that are read only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, Node
from sealer.testing.lab.abandoned import name_for_test
from tests.lab.faults.ground import MIB, Ground, make_ground, noise
from tests.lab.faults.table import FAULTS
from tests.lab.operator import Running

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def small_hosts(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Return a master with a small disk, and an image of some size."""
    del lab_root
    with Lab(name_for_test(1001)) as lab:
        directory = tmp_path_factory.mktemp("small")
        yield make_ground(directory, lab, 1, layers=[{"data": noise(20 * MIB)}], disk_size=400 * MIB)


@pytest.fixture
def small(small_hosts: Ground) -> Iterator[Ground]:
    """Return it, with room on its disk again afterwards."""
    (node,) = small_hosts.lab.nodes
    yield small_hosts
    node.unshape()
    node.free("/var")
    small_hosts.clear()


@pytest.fixture
def node(ground: Ground) -> Node:
    return ground.lab.node("n2")


def test_a_disk_that_is_full_before_the_run(small: Ground) -> None:
    (node,) = small.lab.nodes
    node.fill("/var", leaving=25 * MIB)
    small.survive(FAULTS["disk/before"], lambda _: None, mend=lambda: node.free("/var"))


def test_a_disk_that_gets_full_while_layers_are_sent(small: Ground) -> None:
    (node,) = small.lab.nodes
    node.shape(rate="60mbit")

    def fill(running: Running) -> None:
        running.until("transfer-progress", host=node.address)
        node.fill("/var")

    def mend() -> None:
        # As long as nothing is mended, going on fails in the same way.
        assert "the disk is full" in small.operator.sealer("resume", code=5).stderr
        node.free("/var")
        node.unshape()

    small.survive(FAULTS["disk/upload"], fill, mend=mend)


def test_a_disk_that_gets_full_between_two_steps(small: Ground) -> None:
    (node,) = small.lab.nodes

    def fill(running: Running) -> None:
        running.until("step-finished", step="rootfs@")
        node.fill("/var")

    small.survive(FAULTS["disk/changes"], fill, mend=lambda: node.free("/var"))


def test_a_disk_that_is_full_while_the_host_is_cleaned(small: Ground) -> None:
    (node,) = small.lab.nodes
    small.survive_deletion(FAULTS["disk/delete"], lambda: node.fill("/var"), mend=lambda: node.free("/var"))


def test_a_directory_that_is_read_only_before_the_run(ground: Ground, node: Node) -> None:
    node.make_read_only("/var")
    ground.survive(FAULTS["read-only/before"], lambda _: None, mend=lambda: node.make_writable("/var"))


def test_a_directory_that_becomes_read_only_between_two_steps(ground: Ground, node: Node) -> None:
    def become(running: Running) -> None:
        running.until("step-finished", step=f"rootfs@{node.address}")
        node.make_read_only("/var")

    said = ground.survive(FAULTS["read-only/changes"], become, mend=lambda: node.make_writable("/var"))
    assert node.address in said


def test_a_directory_that_is_read_only_while_the_host_is_cleaned(ground: Ground, node: Node) -> None:
    ground.survive_deletion(
        FAULTS["read-only/delete"],
        lambda: node.make_read_only("/var"),
        mend=lambda: node.make_writable("/var"),
    )
