"""Killing the program at moments that are drawn by lot, and what must be true afterwards."""

from __future__ import annotations

import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sealer.testing.lab import Ignored, Kind, Lab, Node, Snapshot, compare, snapshot
from tests.lab.operator import DATA, Operator

SEED = os.environ.get("SEALER_KILL_SEED") or secrets.token_hex(4)
"""Gives the same moments again."""

Marks = Mapping[str, Mapping[str, str]]
"""Of each host, by name, which changes its journal says are done, and when and by which file it says so."""


def draw(name: str) -> random.Random:
    """Return the lot that decides about the test of a name, and say how it can be drawn again."""
    print(f"SEALER_KILL_SEED={SEED}")
    return random.Random(f"{SEED}/{name}")


def marks(lab: Lab) -> Marks:
    """Return what the journals on all hosts say is done."""
    script = f"cd {DATA}/journal 2>/dev/null && find . -name done -printf '%h %i %T@\\n' || :"
    found = {}
    for node in lab.nodes:
        lines = node.run(["sh", "-c", script]).stdout.splitlines()
        found[node.name] = dict(line.split(" ", 1) for line in lines)
    return found


def kill_after(operator: Operator, words: Iterable[str], *, events: int, seconds: float = 0.0) -> bool:
    """Start a command and kill it some time after so many events; say whether it was still running."""
    with operator.start(*words) as running:
        for number, _ in enumerate(running.events(), start=1):
            if number >= events:
                break
        return running.runs_for(seconds) and running.kill()


def kill_within(operator: Operator, words: Iterable[str], *, seconds: float) -> bool:
    """Start a command and kill it after a time; say whether it was still running."""
    with operator.start(*words) as running:
        return running.runs_for(seconds) and running.kill()


def go_on(operator: Operator, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that goes on after a kill: ``resume``, unless nothing had been begun."""
    return ("resume",) if operator.has_open_operation else words


def require_equal(before: Iterable[Snapshot], nodes: Iterable[Node], ignored: Ignored) -> None:
    """See that hosts are as they were, as soon as the last connection to them has closed."""
    deadline = time.monotonic() + 30
    pairs = list(zip(before, nodes, strict=True))
    while True:
        found = {
            f"{node.name}: {difference}": difference.kind
            for old, node in pairs
            for difference in compare(unnumbered(old), unnumbered(snapshot(node, ignored=ignored)))
        }
        # A shell that waits for our next script ends with its connection: on slow links that is late.
        if Kind.PROCESS not in found.values() or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert not found, "\n".join(found)


def unnumbered(taken: Snapshot) -> Snapshot:
    """Return a snapshot without the numbers of journal entries: an attempt that was cut off uses some up."""
    number = re.compile(rf"(?<={re.escape(DATA)}/journal/)\d+-")
    things = {
        kind: {number.sub("", name): text for name, text in named.items()}
        for kind, named in taken.things.items()
    }
    return replace(taken, things=things)


def require_kept(before: Marks, after: Marks) -> None:
    """See that no change that was done has been made again."""
    for host, done in before.items():
        again = {entry for entry, mark in done.items() if after[host].get(entry) != mark}
        assert not again, f"{host} made changes again: {sorted(again)}"


def require_once(operator: Operator, *, may_repeat: Callable[[str, frozenset[str]], bool]) -> None:
    """See that no step that was done has been started again.

    Args:
        operator: Whose newest operation it is about.
        may_repeat: Tells whether a step may, given the steps that are done: because its secret values, which
            are never written down, are needed once more.
    """
    done: set[str] = set()
    for record in operator.journal():
        if record["event"] == "started" and record["step"] in done:
            needed = may_repeat(record["step"], frozenset(done))
            assert needed, f"{record['step']} was done, and started again"
        if record["event"] == "done":
            done.add(record["step"])
    assert done


def wait_for_hosts(lab: Lab) -> None:
    """Wait until no script that a killed program left is at work on any host."""
    for node in lab.nodes:
        deadline = time.monotonic() + 120
        while node.run(["test", "-d", f"{DATA}/lock"], check=False).returncode == 0:
            assert time.monotonic() < deadline
            time.sleep(0.2)
