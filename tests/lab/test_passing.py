"""Image layers passed on from host to host, on real hosts: each byte leaves the operator once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, Node
from sealer.testing.lab.network import BRIDGE
from tests.lab import kills
from tests.lab.faults.ground import MIB, NORMALISED, Ground, make_ground, noise

pytestmark = pytest.mark.lab

SIZES = (25 * MIB, 15 * MIB)
"""Together more than what is sent to each host by itself."""

LEFT = (
    "ls -d /run/sealer-layers-* /var/lib/sealer/*/blobs/offered; ps -o args= -C sshd,ssh | grep /run/sealer"
)


@pytest.fixture(scope="module")
def ground(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    del lab_root
    layers = [{f"data/{number}": noise(size)} for number, size in enumerate(SIZES)]
    with Lab(f"passing-{tmp_path_factory.getbasetemp().name}"[:20]) as lab:
        yield make_ground(tmp_path_factory.mktemp("passing"), lab, 4, layers=layers)


@pytest.fixture(autouse=True)
def cleared(ground: Ground) -> Iterator[None]:
    yield
    ground.clear()


def sent(ground: Ground) -> int:
    """Return the bytes that have left the operator's side for hosts."""
    card = f"/sys/class/net/{BRIDGE}/statistics/tx_bytes"
    return int(ground.lab.run_operator(["cat", card]).stdout)


def leftovers(node: Node) -> str:
    return node.run(["sh", "-c", LEFT], check=False).stdout


def run(ground: Ground, *further: str) -> tuple[str, float]:
    """Make the cluster, see that it is whole and that nothing is left of passing layers on.

    Returns:
        What was said, and how often the layers left the operator.
    """
    before = sent(ground)
    said = ground.operator.sealer(*ground.run_words, "--progress", "plain", *further).stderr
    times = (sent(ground) - before) / sum(SIZES)
    assert [leftovers(node) for node in ground.lab.nodes] == ["", "", "", ""]
    ground.require_whole(kills.marks(ground.lab))
    ground.delete()
    return said, times


def test_layers_leave_the_operator_once_for_all_hosts(ground: Ground) -> None:
    said, times = run(ground)
    assert "not all layers" not in said
    assert "passes no layers on" not in said
    assert 1 <= times < 1.5
    _, times = run(ground, "--fan-out", "1")
    assert 1 <= times < 1.5


def test_without_fan_out_each_host_is_sent_to(ground: Ground) -> None:
    _, times = run(ground, "--fan-out", "0")
    assert 4 <= times < 4.5


HIDE = "mv /usr/bin/ssh /usr/bin/ssh.hidden"
SHOW = "mv /usr/bin/ssh.hidden /usr/bin/ssh"
PART = 'for other; do ip route add unreachable "$other"; done'
JOIN = 'for other; do ip route del unreachable "$other"; done'


@pytest.mark.parametrize(("hinder", "mend"), [(HIDE, SHOW), (PART, JOIN)], ids=["no ssh", "no way"])
def test_hosts_that_can_fetch_nothing_from_others_are_sent_to(ground: Ground, hinder: str, mend: str) -> None:
    nodes = ground.lab.nodes

    def everywhere(script: str) -> None:
        for node in nodes:
            others = [other.address for other in nodes if other is not node]
            node.run(["sh", "-c", script, "sh", *others])

    everywhere(hinder)
    try:
        before = sent(ground)
        said = ground.operator.sealer(*ground.run_words, "--progress", "plain").stderr
    finally:
        everywhere(mend)
    assert "not all layers came from" in said
    assert 4 <= (sent(ground) - before) / sum(SIZES) < 4.5
    ground.require_whole(kills.marks(ground.lab))
    ground.delete()


def test_what_a_killed_operator_left_ends_by_itself_and_a_resumed_run_sends_the_rest(ground: Ground) -> None:
    before = sent(ground)
    with ground.operator.start(*ground.run_words) as running:
        while sent(ground) - before < SIZES[0] + 2 * MIB:
            assert running.runs_for(0.02)
        running.kill()
        running.finish(code=-9)
    kills.wait_for_hosts(ground.lab)
    ground.operator.sealer("resume")
    assert [leftovers(node) for node in ground.lab.nodes] == ["", "", "", ""]
    ground.require_whole(kills.marks(ground.lab))
    ground.delete()
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)
