"""SIGKILL at moments drawn by lot: nothing is done twice, and resuming ends as an undisturbed run ends.

The hosts are made into clusters without Kubernetes, which takes seconds; ``faults.test_kills`` kills at every
boundary of a step.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab
from sealer.testing.lab.abandoned import name_for_test
from tests.lab import kills
from tests.lab.faults.ground import DELETE, NORMALISED, Ground, make_ground
from tests.lab.faults.table import FAULTS, Outcome

pytestmark = pytest.mark.lab

MOMENTS = 50
"""How often the program is killed, in as many clusters as that takes."""


@pytest.fixture
def systems(lab_root: Path, tmp_path: Path) -> Iterator[Ground]:
    """Return two whole systems."""
    del lab_root
    with Lab(name_for_test(1030)) as lab:
        yield make_ground(tmp_path, lab, 2, "systemd")


def test_whenever_it_is_killed_the_end_is_the_same(systems: Ground) -> None:
    assert FAULTS["kill/random"].outcome is Outcome.RESUMED
    lot = kills.draw("plain")
    left = MOMENTS
    while left > 0:
        left -= kill_a_run(systems, lot, at_most=left)
        left -= kill_a_deletion(systems, lot, at_most=left)


def kill_a_run(ground: Ground, lot: random.Random, *, at_most: int) -> int:
    """Make a cluster under fire, and return how often it was killed."""
    words, kept, count = ground.run_words, kills.marks(ground.lab), 0
    while count < at_most and kill(ground, words, lot, events=range(1, 7)):
        count += 1
        now = kills.marks(ground.lab)
        kills.require_kept(kept, now)
        words, kept = kills.go_on(ground.operator, ground.run_words), now
    if count == at_most:
        ground.operator.sealer(*words)
    ground.require_whole(kept)
    return count


def kill_a_deletion(ground: Ground, lot: random.Random, *, at_most: int) -> int:
    """Take the cluster away under fire, and return how often it was killed."""
    words, count = DELETE, 0
    while ground.installed and count < at_most and kill(ground, words, lot, events=range(1, 3)):
        count += 1
        words = kills.go_on(ground.operator, DELETE)
    if ground.installed:
        ground.operator.sealer(*words)
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)
    return count


def kill(ground: Ground, words: tuple[str, ...], lot: random.Random, *, events: range) -> bool:
    """Start a command and kill it; say whether it was still running."""
    number, seconds = lot.choice(events), lot.uniform(0, 0.4)
    print(f"{words[0]}: killed {seconds:.3f} s after event {number}")
    return kills.kill_after(ground.operator, words, events=number, seconds=seconds)
