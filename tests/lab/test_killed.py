"""SIGKILL at any moment: what was done is not done again, and resuming ends where an undisturbed run ends.

The hosts are made into clusters without Kubernetes here, which takes seconds; ``test_killed_kubernetes`` does
the same with Kubernetes.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sealer.testing.lab import DEFAULT_IGNORED, Ignored, Lab, Snapshot, snapshot
from sealer.testing.lab.fixtures import LabNodes
from tests.lab import kills
from tests.lab.operator import DATA, Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

ROUNDS = 6
"""How many clusters are made under fire, with one to three kills each."""

# A token is another one each time; the journal names the operation.
NORMALISED = Ignored(
    trees=DEFAULT_IGNORED.trees,
    contents=(*DEFAULT_IGNORED.contents, "/var/lib/plain/token", "/etc/plain/token", f"{DATA}/journal"),
)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Two hosts, and what an undisturbed run makes of them.

    Attributes:
        operator: Who runs.
        lab: The hosts.
        before: What was there before.
        after: What is there after the run.
        events: How many events a run has.
    """

    operator: Operator
    lab: Lab
    before: tuple[Snapshot, ...]
    after: tuple[Snapshot, ...]
    events: int

    @property
    def words(self) -> tuple[str, ...]:
        return run_words(self.operator)


def run_words(operator: Operator) -> tuple[str, ...]:
    return ("run", IMAGE, *operator.host_flags(masters=["n1"], nodes=["n2"]))


@pytest.fixture(scope="module")
def reference(module_lab_nodes: LabNodes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    lab = module_lab_nodes(2)
    operator = plain_operator(tmp_path_factory.mktemp("operator")).trusting(lab)
    make_plain_image(operator, layers=[{"bin/tool": b"tool"}, {"etc/hello": b"hello"}])
    before = tuple(snapshot(node, ignored=NORMALISED) for node in lab.nodes)
    with operator.start(*run_words(operator)) as running:
        events = sum(1 for _ in running.events())
        running.finish()
    after = tuple(snapshot(node, ignored=NORMALISED) for node in lab.nodes)
    operator.sealer("delete", "--all", "--yes")
    return Reference(operator=operator, lab=lab, before=before, after=after, events=events)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_killed_run_is_resumed_to_the_same_end(reference: Reference, number: int) -> None:
    operator, lab = reference.operator, reference.lab
    lot = kills.draw(f"run {number}")
    words, kept = reference.words, kills.marks(lab)
    for _ in range(lot.choice((1, 1, 2, 3))):
        events, seconds = lot.randrange(1, reference.events), lot.uniform(0, 0.3)
        print(f"{words[0]}: killed {seconds:.3f} s after event {events}")
        if not kills.kill_after(operator, words, events=events, seconds=seconds):
            break  # it had less left to do than that, and is done
        words = kills.go_on(operator, reference.words)
        kept = kills.marks(lab)
    else:
        operator.sealer(*words)

    kills.require_kept(kept, kills.marks(lab))
    kills.require_once(operator, may_repeat=token_is_needed)
    kills.require_equal(reference.after, lab.nodes, NORMALISED)
    done = operator.sealer("plan", *reference.words[1:], "--detailed-exitcode")
    assert done.stdout == "nothing to do\n"

    events = lot.randrange(1, 4)
    print(f"delete: killed after event {events}")
    kills.kill_after(operator, ("delete", "--all", "--yes"), events=events, seconds=lot.uniform(0, 0.3))
    if operator.has_open_operation:
        operator.sealer("resume")
    kills.require_equal(reference.before, lab.nodes, NORMALISED)


def token_is_needed(step: str, done: frozenset[str]) -> bool:
    """Tell whether the step makes the token, and a host has not joined with it yet."""
    return step.startswith("plain/create@") and not any(other.startswith("plain/join@") for other in done)
