"""The engine, driven over random graphs with random faults by a visitor that keeps score."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealer.changes import Command, Output
from sealer.errors import ChangeFailed, HostsFailed, HostUnreachable, Interrupted
from sealer.events import Event, Outcome, StepFinished, discard
from sealer.hosts.connection import Connection
from sealer.model import Step
from sealer.operation import engine as engine_module
from sealer.operation.engine import Engine, Summary
from sealer.operation.journal import Journal, read_history
from sealer.operation.plan import Plan, make_plan
from sealer.operation.visit import Visit


class Hosts:
    """A visitor on hosts of memory: it knows what was done, in which order, and fails when told to."""

    operation = "op"

    def __init__(self, plan: Plan, *, failing: Mapping[str, list[Exception]] | None = None) -> None:
        self.plan = plan
        self.failing = {step: list(errors) for step, errors in (failing or {}).items()}
        self.visits: Counter[str] = Counter()
        self.done: set[str] = set()
        self.busy: Counter[str] = Counter()
        self.most_hosts = 0

    async def visit(self, step: Step, connection: Connection, values: Mapping[tuple[str, str], str]) -> Visit:
        assert self.plan.waits_for[step.id] <= self.done, "a step ran before what it waits for"
        for source, key in step.uses():
            assert values[source, key] == f"value of {source}"
        self.busy[step.host] += 1
        assert self.busy[step.host] == 1, "two steps ran on one host"
        self.most_hosts = max(self.most_hosts, sum(self.busy.values()))
        await asyncio.sleep(0)
        self.busy[step.host] -= 1
        self.visits[step.id] += 1
        if self.failing.get(step.id):
            raise self.failing[step.id].pop(0)
        changed = () if step.id in self.done else ("something",)
        self.done.add(step.id)
        return Visit(changed=changed, values={"v": f"value of {step.id}"})


def step(number: int, host: int, needs: frozenset[int], *, secret: bool = False) -> Step:
    marks = "".join(f"\ue000s{other}|v\ue001" for other in sorted(needs))
    command = Command(
        title=f"s{number}", run=f"do {marks}", yields=(Output(key="v", script="v", secret=secret),)
    )
    return Step(id=f"s{number}", title=f"step {number}", host=f"n{host}", changes=(command,))


async def run(
    plan: Plan, hosts: Hosts, path: Path, *, concurrency: int = 30, events: object = discard
) -> Summary:
    history = read_history(path)
    connections = dict.fromkeys(plan.hosts)
    with Journal(path) as journal:
        machine = Engine(
            plan=plan,
            connections=connections,  # type: ignore[arg-type]  # the visitor needs none
            visitor=hosts,
            journal=journal,
            history=history,
            concurrency=concurrency,
            events=events,  # type: ignore[arg-type]
        )
        return await machine.run()


graphs = st.lists(
    st.tuples(st.integers(0, 3), st.frozensets(st.integers(0, 20), max_size=3), st.booleans()),
    min_size=1,
    max_size=14,
).map(
    lambda rows: make_plan(
        [
            step(number, host, frozenset(n for n in needs if n < number), secret=secret)
            for number, (host, needs, secret) in enumerate(rows)
        ]
    )
)


@settings(deadline=None)
@given(graphs, st.integers(1, 5))
def test_every_step_runs_once_after_what_it_waits_for(plan: Plan, concurrency: int) -> None:
    hosts = Hosts(plan)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(plan, hosts, Path(directory) / "journal", concurrency=concurrency))
    assert hosts.visits == Counter(item.id for item in plan.steps)
    assert hosts.most_hosts <= concurrency


@settings(deadline=None)
@given(graphs, st.data())
def test_a_failure_blocks_only_what_depends_on_it_and_resuming_ends_the_same(
    plan: Plan, data: st.DataObject
) -> None:
    names = [item.id for item in plan.steps]
    bad = data.draw(st.sets(st.sampled_from(names)))
    hosts = Hosts(plan, failing={name: [ChangeFailed("no", host="n")] for name in bad})
    blocked = _depending_on(plan, bad)
    seen: list[Event] = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        if bad:
            with pytest.raises(HostsFailed) as caught:
                asyncio.run(run(plan, hosts, path, events=seen.append))
            assert set(caught.value.failures) == bad - blocked
            ends = [event for event in seen if isinstance(event, StepFinished)]
            assert {end.step for end in ends if end.outcome is Outcome.BLOCKED} == blocked
            assert hosts.done == set(names) - bad - blocked
        for name in names:
            hosts.failing.pop(name, None)
        before = set(hosts.done)
        asyncio.run(run(plan, hosts, path))
        assert hosts.done == set(names)
        for item in plan.steps:
            plain = not any(o.secret for change in item.changes for o in change.outputs)
            if item.id in before and plain:
                assert hosts.visits[item.id] == 1, "a step that was done was done again"
        content = path.read_text()
        for item in plan.steps:
            if any(o.secret for change in item.changes for o in change.outputs):
                assert f'value of {item.id}"' not in content, "a secret was written down"


def _depending_on(plan: Plan, bad: set[str]) -> set[str]:
    result: set[str] = set()
    for item in plan.steps:
        if plan.waits_for[item.id] & (bad | result):
            result.add(item.id)
    return result


async def test_a_lost_connection_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PAUSE", 0.001)
    plan = make_plan([step(0, 0, frozenset())])
    hosts = Hosts(plan, failing={"s0": [HostUnreachable("gone", host="n0")] * 2})
    await run(plan, hosts, tmp_path / "journal")
    assert hosts.visits["s0"] == 3


async def test_a_stopped_run_finishes_what_runs_and_can_be_resumed(tmp_path: Path) -> None:
    plan = make_plan([step(0, 0, frozenset()), step(1, 0, frozenset({0}))])
    hosts = Hosts(plan)
    path = tmp_path / "journal"
    seen: list[Event] = []
    with Journal(path) as journal:
        machine = Engine(
            plan=plan,
            connections=dict.fromkeys(plan.hosts),  # type: ignore[arg-type]
            visitor=hosts,
            journal=journal,
            history=read_history(path),
            concurrency=1,
            events=lambda event: (seen.append(event), machine.stop())[0],
        )
        with pytest.raises(Interrupted):
            await machine.run()
    assert hosts.done == {"s0"}
    outcomes = [event.outcome for event in seen if isinstance(event, StepFinished)]
    assert outcomes == [Outcome.CHANGED]
    await run(plan, hosts, path)
    assert hosts.visits == {"s0": 1, "s1": 1}


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    plan = make_plan([step(0, 0, frozenset()), step(1, 1, frozenset())])
    path = tmp_path / "journal"
    asyncio.run(run(plan, Hosts(plan), path))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert read_history(path).done.keys() <= {"s0", "s1"}
        with Journal(path) as journal:
            journal.finished("done")
        assert read_history(path).finished == "done"
