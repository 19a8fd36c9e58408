"""The engine, driven over random graphs with random faults by a visitor that keeps score."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.changes import Command, Output
from sealer.errors import (
    ChangeFailed,
    HostsFailed,
    HostUnreachable,
    Interrupted,
    SealerError,
    VerificationError,
)
from sealer.events import Event, Outcome, StepFinished, discard
from sealer.hosts.connection import Connection
from sealer.model import Step
from sealer.operation import engine as engine_module
from sealer.operation.engine import Engine, Summary
from sealer.operation.following import Notice, Tell, Visit
from sealer.operation.journal import Journal, read_history
from sealer.operation.plan import Plan, make_plan
from sealer.operation.visitor import Errand


class Hosts:
    """A visitor on hosts of memory: it knows what was done, in which order, and fails when told to."""

    operation = "op"

    def __init__(
        self,
        plan: Plan,
        *,
        failing: Mapping[str, list[SealerError]] | None = None,
        together: bool = True,
    ) -> None:
        self.plan = plan
        self.together = together
        self.halted: list[bool] = []
        self.again: Counter[str] = Counter()
        self.failing = {step: list(errors) for step, errors in (failing or {}).items()}
        self.visits: Counter[str] = Counter()
        self.done: set[str] = set()
        self.busy: Counter[str] = Counter()
        self.most_hosts = 0
        self.under_way: Counter[str] = Counter()
        self.most_of_kind: Counter[str] = Counter()

    def follows(self, first: Step, step: Step) -> bool:
        assert first.host == step.host
        return self.together

    async def visit(self, steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        (host,) = {errand.step.host for errand in steps}
        assert len(steps) == 1 or self.together
        self.busy[host] += 1
        assert self.busy[host] == 1, "two visits went on on one host"
        self.most_hosts = max(self.most_hosts, sum(self.busy.values()))
        ended: set[str] = set()
        for errand in steps:
            await asyncio.sleep(0)
            step = errand.step
            if not errand.needs <= ended:
                continue
            assert self.plan.waits_for[step.id] <= self.done, "a step ran before what it waits for"
            for source, key in step.uses():
                assert errand.values[source, key] == f"value of {source}"
            tell(step, Notice.BEGUN)
            self.under_way[step.kind] += 1
            self.most_of_kind |= self.under_way
            await asyncio.sleep(0)
            self.under_way[step.kind] -= 1
            self.visits[step.id] += 1
            self.again[step.id] += errand.again
            if self.failing.get(step.id):
                error = self.failing[step.id].pop(0)
                tell(step, error)
                if isinstance(error, HostUnreachable):
                    break
                continue
            ended.add(step.id)
            changed = () if step.id in self.done else ("something",)
            self.done.add(step.id)
            tell(step, Visit(changed=changed, values={"v": f"value of {step.id}"}))
        self.busy[host] -= 1

    async def halt(self, connection: Connection, *, at_once: bool) -> None:
        self.halted.append(at_once)


def step(
    number: int,
    host: int,
    needs: frozenset[int],
    *,
    secret: bool = False,
    plain: frozenset[int] = frozenset(),
) -> Step:
    """Return a step that needs values of some steps, and only the end of others."""
    marks = "".join(f"\ue000s{other}|v\ue001" for other in sorted(needs))
    command = Command(
        title=f"s{number}", run=f"do {marks}", yields=(Output(key="v", script="v", secret=secret),)
    )
    return Step(
        id=f"s{number}",
        title=f"step {number}",
        host=f"n{host}",
        changes=(command,),
        provides=(f"s{number}",),
        requires=tuple(f"s{other}" for other in sorted(plain)),
    )


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
    st.tuples(
        st.integers(0, 3),
        st.frozensets(st.integers(0, 20), max_size=3),
        st.booleans(),
        st.frozensets(st.integers(0, 20), max_size=3),
    ),
    min_size=1,
    max_size=14,
).map(
    lambda rows: make_plan(
        [
            step(
                number,
                host,
                frozenset(n for n in needs if n < number),
                secret=secret,
                plain=frozenset(n for n in plain if n < number),
            )
            for number, (host, needs, secret, plain) in enumerate(rows)
        ]
    )
)


@given(graphs, st.integers(1, 5), st.booleans())
def test_every_step_runs_once_after_what_it_waits_for(plan: Plan, concurrency: int, together: bool) -> None:
    hosts = Hosts(plan, together=together)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(plan, hosts, Path(directory) / "journal", concurrency=concurrency))
    assert hosts.visits == Counter(item.id for item in plan.steps)
    assert hosts.most_hosts <= concurrency


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=20),
    st.integers(1, 6),
    st.integers(1, 3),
    st.booleans(),
)
def test_of_a_kind_no_more_steps_are_under_way_than_it_says(
    rows: list[tuple[int, int]], concurrency: int, limit: int, together: bool
) -> None:
    plan = make_plan(
        [
            replace(
                step(number, host, frozenset()),
                id=f"kind{kind}@{number}",
                concurrency=kind * limit or None,
            )
            for number, (host, kind) in enumerate(rows)
        ]
    )
    hosts = Hosts(plan, together=together)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(plan, hosts, Path(directory) / "journal", concurrency=concurrency))
    assert hosts.done == {item.id for item in plan.steps}
    assert hosts.most_of_kind["kind1"] <= limit
    assert hosts.most_of_kind["kind2"] <= 2 * limit


def test_hosts_do_what_else_there_is_while_a_place_is_taken(tmp_path: Path) -> None:
    few = [replace(step(host, host, frozenset()), id=f"join@{host}", concurrency=1) for host in range(3)]
    plan = make_plan([*few, *(step(number, number - 10, frozenset()) for number in range(10, 13))])
    hosts = Hosts(plan, together=False)
    order: list[str] = []
    visit = hosts.visit

    async def noted(steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        order.extend(errand.step.id for errand in steps)
        await visit(steps, connection, tell)

    hosts.visit = noted  # type: ignore[method-assign]
    asyncio.run(run(plan, hosts, tmp_path / "journal"))
    assert order[:3] == ["join@0", "s11", "s12"]


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


async def test_a_run_is_stopped_while_it_waits_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PAUSE", 3600)
    monkeypatch.setattr(engine_module, "LONGEST_PAUSE", 3600)
    plan = make_plan([step(0, 0, frozenset())])
    hosts = Hosts(plan, failing={"s0": [HostUnreachable("gone", host="n0")]})
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
            events=seen.append,
        )
        running = asyncio.create_task(machine.run())
        while not hosts.visits:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, machine.stop)
        with pytest.raises(Interrupted):
            async with asyncio.timeout(20):
                await running
    outcomes = [event.outcome for event in seen if isinstance(event, StepFinished)]
    assert outcomes == [Outcome.INTERRUPTED]


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
    assert outcomes == [Outcome.CHANGED, Outcome.BLOCKED]
    await run(plan, hosts, path)
    assert hosts.visits == {"s0": 1, "s1": 1}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ChangeFailed("no", host="n0"), "no"),
        (VerificationError("damaged", place="the store"), "the store: damaged"),
    ],
)
async def test_a_failure_names_its_place_unless_it_is_the_host_that_stands_beside_it(
    tmp_path: Path, error: SealerError, said: str
) -> None:
    plan = make_plan([step(0, 0, frozenset())])
    path = tmp_path / "journal"
    seen: list[Event] = []
    with pytest.raises(HostsFailed):
        await run(plan, Hosts(plan, failing={"s0": [error]}), path, events=seen.append)
    assert [event.error for event in seen if isinstance(event, StepFinished)] == [said]
    assert read_history(path).failed == {"s0": said}


async def test_steps_in_a_row_are_visited_together_and_a_failure_ends_what_depends_on_it(
    tmp_path: Path,
) -> None:
    rows = [step(n, 0, frozenset(), plain=frozenset({n - 1} if n in {1, 2} else ())) for n in range(5)]
    plan = make_plan([*rows, step(5, 0, frozenset({4}))])
    hosts = Hosts(plan, failing={"s1": [ChangeFailed("no", host="n0")]})
    sizes: list[int] = []
    visit = hosts.visit

    async def counted(steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        sizes.append(len(steps))
        await visit(steps, connection, tell)

    hosts.visit = counted  # type: ignore[method-assign]
    with pytest.raises(HostsFailed) as caught:
        await run(plan, hosts, tmp_path / "journal")
    assert caught.value.failures.keys() == {"s1"}
    assert hosts.done == {"s0", "s3", "s4", "s5"}
    # The last one uses a value of the one ahead of it, so it has to wait for the answer.
    assert sizes == [5, 1]


async def test_what_a_lost_connection_left_is_visited_again_and_what_was_done_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PAUSE", 0.001)
    plan = make_plan([step(n, 0, frozenset()) for n in range(4)])
    hosts = Hosts(plan, failing={"s1": [HostUnreachable("gone", host="n0")]})
    await run(plan, hosts, tmp_path / "journal")
    assert hosts.visits == {"s0": 1, "s1": 2, "s2": 1, "s3": 1}
    assert {name for name, count in hosts.again.items() if count} == {"s1"}


async def test_a_failure_ends_the_visits_of_other_hosts_behind_their_step_if_it_is_to_be_fast(
    tmp_path: Path,
) -> None:
    plan = make_plan([step(0, 0, frozenset()), step(1, 1, frozenset()), step(2, 1, frozenset({1}))])
    hosts = Hosts(plan, failing={"s0": [ChangeFailed("no", host="n0")]})
    path = tmp_path / "journal"
    seen: list[Event] = []
    with Journal(path) as journal:
        machine = Engine(
            plan=plan,
            connections=dict.fromkeys(plan.hosts),  # type: ignore[arg-type]
            visitor=hosts,
            journal=journal,
            history=read_history(path),
            concurrency=2,
            events=seen.append,
            fail_fast=True,
        )
        with pytest.raises(HostsFailed):
            await machine.run()
    assert "s2" not in hosts.done
    ends = {event.step: event.outcome for event in seen if isinstance(event, StepFinished)}
    assert ends["s2"] is Outcome.BLOCKED
    assert hosts.halted
    assert not any(hosts.halted)


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
