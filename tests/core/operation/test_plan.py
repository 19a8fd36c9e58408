"""Tying steps into a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.changes import Command, Output
from sealer.errors import PlanError
from sealer.model import Step
from sealer.operation.plan import fingerprint, make_plan


def step(identity: str, *, provides: tuple[str, ...] = (), requires: tuple[str, ...] = ()) -> Step:
    return Step(id=identity, title=identity, host="n1", changes=(), provides=provides, requires=requires)


def ids(steps: tuple[Step, ...]) -> list[str]:
    return [item.id for item in steps]


def test_a_step_comes_after_what_it_requires() -> None:
    plan = make_plan([step("b", requires=("x",)), step("a", provides=("x",)), step("c")])
    assert ids(plan.steps) == ["a", "b", "c"]
    assert plan.waits_for["b"] == {"a"}


def test_a_group_stands_for_all_its_names() -> None:
    steps = [step("z", requires=("all",)), step("a", provides=("x",)), step("b", provides=("y",))]
    assert make_plan(steps, groups={"all": ("x", "y")}).waits_for["z"] == {"a", "b"}


def test_what_is_given_needs_no_provider() -> None:
    assert ids(make_plan([step("a", requires=("x",))], given=["x"]).steps) == ["a"]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([step("a", requires=("x",))], "requires x, which no step provides"),
        ([step("a", provides=("x",)), step("b", provides=("x",))], "both a and b provide x"),
        ([step("a"), step("a")], "two steps are called a"),
        ([replace(step("a"), concurrency=0)], "step a may be made on 0 hosts at once"),
        (
            [
                step("a", provides=("x",), requires=("y",)),
                step("b", provides=("y",), requires=("x",)),
            ],
            "wait for one another: ",
        ),
    ],
)
def test_what_cannot_be_tied_together_is_refused(steps: list[Step], text: str) -> None:
    with pytest.raises(PlanError, match=text):
        make_plan(steps)


def test_using_a_value_means_waiting_for_it() -> None:
    command = Command(title="token", run="true", yields=(Output(key="token", script="echo t"),))
    maker = Step(id="maker", title="", host="n1", changes=(command,))
    user = Step(
        id="user",
        title="",
        host="n2",
        changes=(Command(title="join", run=f"join --token {maker.value('token')}"),),
    )
    assert make_plan([user, maker]).waits_for["user"] == {"maker"}
    with pytest.raises(PlanError, match="which is not planned"):
        make_plan([user])
    with pytest.raises(PlanError, match="does not yield"):
        make_plan([user, Step(id="maker", title="", host="n1", changes=())])


def test_a_fingerprint_says_what_a_step_does_not_what_it_waits_for() -> None:
    command = Command(title="x", run="true")
    first = Step(id="a", title="", host="n1", changes=(command,))
    same = Step(id="a", title="", host="n1", changes=(command,), requires=("y",))
    other = Step(id="a", title="", host="n1", changes=(Command(title="x", run="false"),))
    assert fingerprint(first) == fingerprint(same) != fingerprint(other)


@given(st.lists(st.frozensets(st.integers(0, 11), max_size=3), max_size=12))
def test_any_graph_is_sorted_or_refused(needs: list[frozenset[int]]) -> None:
    steps = [
        step(str(number), provides=(f"p{number}",), requires=tuple(f"p{other}" for other in sorted(needed)))
        for number, needed in enumerate(needs)
    ]
    try:
        plan = make_plan(steps)
    except PlanError:
        return
    seen: set[str] = set()
    for item in plan.steps:
        assert plan.waits_for[item.id] <= seen
        seen.add(item.id)
    assert seen == {item.id for item in steps}
