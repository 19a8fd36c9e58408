"""SIGKILL at every boundary: behind every record of the operator's journal, and every file that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab import kills
from tests.lab.faults.ground import DELETE, NORMALISED, Ground
from tests.lab.faults.table import FAULTS, Outcome
from tests.lab.operator import Operator

pytestmark = pytest.mark.lab

HOOK = Path(__file__).with_name("hook")


@pytest.fixture
def cluster(ground: Ground) -> Iterator[Ground]:
    """Return the hosts with a cluster on them."""
    ground.operator.sealer(*ground.run_words)
    yield ground
    ground.operator.forget_cluster()


def mortal(operator: Operator, ledger: Path) -> Operator:
    """Return the same person, whose commands are killed at each boundary that is not in the ledger yet."""
    variables = {**operator.variables, "KILL_LEDGER": str(ledger)}
    return replace(operator, plugins=(HOOK, *operator.plugins), variables=variables)


def kill_at_every_boundary(
    fault: str,
    operator: Operator,
    words: tuple[str, ...],
    ledger: Path,
    *,
    check: Callable[[], None] = lambda: None,
) -> list[str]:
    """Run a command, and go on with it after every kill, until it is done; return where it was killed."""
    assert FAULTS[fault].outcome is Outcome.RESUMED
    person = mortal(operator, ledger)
    ledger.touch()
    met: list[str] = []
    following = words
    while True:
        with person.start(*following) as running:
            killed = running.ended() == -9
        now = ledger.read_text().splitlines()
        assert killed == (len(now) == len(met) + 1)
        if not killed:
            return met
        met = now
        check()
        # Killed behind the last record, or the last file, it has nothing left to do.
        following = kills.go_on(operator, words)
        if met[-1].startswith("finished"):
            return met


def test_a_run_is_killed_at_every_boundary(ground: Ground, tmp_path: Path) -> None:
    kept = kills.marks(ground.lab)

    def check() -> None:
        nonlocal kept
        now = kills.marks(ground.lab)
        kills.require_kept(kept, now)
        kept = now

    met = kill_at_every_boundary(
        "kill/run", ground.operator, ground.run_words, tmp_path / "ledger", check=check
    )
    master, node = (host.address for host in ground.lab.nodes)
    for step in (f"rootfs@{master}", f"plain/prepare@{node}", f"plain/create@{master}", f"plain/join@{node}"):
        assert {f"started {step}", f"done {step}"} <= set(met)
    assert {"wrote operations/run", "wrote cluster.json"} <= set(met)
    ground.require_whole(kept)
    ground.delete()


def test_a_deletion_is_killed_at_every_boundary(cluster: Ground, tmp_path: Path) -> None:
    met = kill_at_every_boundary("kill/delete", cluster.operator, DELETE, tmp_path / "ledger")
    assert "wrote operations/delete" in met
    for host in cluster.lab.nodes:
        assert {f"started take-back@{host.address}", f"done take-back@{host.address}"} <= set(met)
    kills.require_equal(cluster.before, cluster.lab.nodes, NORMALISED)


def test_a_removal_of_a_node_is_killed_at_every_boundary(cluster: Ground, tmp_path: Path) -> None:
    node = cluster.lab.node("n2")
    words = ("delete", "-n", node.address, "--yes")
    met = kill_at_every_boundary("kill/remove", cluster.operator, words, tmp_path / "ledger")
    assert {"wrote operations/remove", f"done take-back@{node.address}"} <= set(met)
    kills.require_equal(cluster.before[1:], [node], NORMALISED)
    cluster.delete()


def test_a_rollback_is_killed_at_every_boundary(cluster: Ground, tmp_path: Path) -> None:
    words = ("operations", "rollback", "--yes")
    met = kill_at_every_boundary("kill/rollback", cluster.operator, words, tmp_path / "ledger")
    assert "wrote operations/rollback" in met
    kills.require_equal(cluster.before, cluster.lab.nodes, NORMALISED)
