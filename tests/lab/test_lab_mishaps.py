"""What the lab can let go wrong inside a node, and that it can be put right again."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, LabError, Mode, Node, compare, snapshot
from sealer.testing.lab.fixtures import LabNodes

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def node(module_lab_nodes: LabNodes) -> Node:
    """Return a node with a small disk."""
    (one,) = module_lab_nodes(1, "sshd", disk_size=128 * 2**20).nodes
    return one


def fails(node: Node, script: str) -> str:
    done = node.run(["sh", "-c", script], check=False)
    assert done.returncode != 0
    return done.stderr


def test_a_directory_is_read_only_for_a_while_also_for_files_that_are_open(node: Node) -> None:
    before = snapshot(node)
    with subprocess.Popen(
        node.command(["sh", "-c", "exec 3>/var/held; read -r word; rm /var/held"]), stdin=subprocess.PIPE
    ) as holder:
        while node.run(["test", "-e", "/var/held"], check=False).returncode:
            time.sleep(0.01)
        node.make_read_only("/var")
        assert "Read-only file system" in fails(node, "touch /var/lib/new")
        node.run(["touch", "/root/new"])
        node.make_writable("/var")
        node.run(["sh", "-c", "touch /var/lib/new; rm /var/lib/new /root/new"])
        holder.communicate(b"\n")
    assert compare(before, snapshot(node)) == ()


def test_a_disk_is_full_for_a_while(node: Node) -> None:
    before = snapshot(node)
    node.fill("/var")
    assert "No space left" in fails(node, "head -c 5000 /dev/zero >/var/new")
    node.run(["rm", "/var/new"])
    node.free("/var")
    node.fill("/var", leaving=8 * 2**20)
    node.run(["sh", "-c", "head -c 6000000 /dev/zero >/var/new; sync; rm /var/new"])
    assert "No space left" in fails(node, "head -c 9000000 /dev/zero >/var/new")
    node.run(["rm", "/var/new"])
    node.free("/var")
    assert compare(before, snapshot(node)) == ()


def test_a_disk_that_is_the_hosts_is_not_filled(lab_nodes: LabNodes) -> None:
    (node,) = lab_nodes(1, "sshd").nodes
    with pytest.raises(LabError, match="no disk of its own"):
        node.fill("/var")


def test_a_clock_that_is_wrong_and_right_again(node: Node) -> None:
    before = snapshot(node)
    for error in (3600.0, -86400.5):
        node.set_clock(error)
        told = float(node.run(["sh", "-c", "date -u +%s.%N"]).stdout)
        assert abs(told - time.time() - error) < 30
        assert node.run(["date", "-u", "-d", "@0", "+%Y"]).stdout == "1970\n"
    node.set_clock(0)
    assert compare(before, snapshot(node)) == ()


@pytest.mark.parametrize("mode", ["systemd", "sshd"])
def test_an_ssh_server_that_starts_again_ends_its_sessions(lab_nodes: LabNodes, mode: Mode) -> None:
    lab = lab_nodes(1, mode)
    (node,) = lab.nodes
    with session(lab, node) as running:
        node.restart_ssh()
        assert running.wait(30) == 255
    node.wait_for_ssh()
    with session(lab, node) as running:
        running.terminate()


def session(lab: Lab, node: Node) -> subprocess.Popen[bytes]:
    """Return a session that has begun."""
    process = subprocess.Popen(
        lab.ssh_command(node.name, ["echo ready; sleep 1000"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_mishaps_are_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/lab.md").read_text()
    for name in ("make_read_only", "make_writable", "fill", "free", "set_clock", "restart_ssh"):
        assert f"`node.{name}(" in page
        assert hasattr(Node, name)
