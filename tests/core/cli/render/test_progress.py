"""Adding events up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealer.cli.render.progress import Progress, Transfer
from sealer.events import Event, Outcome, StepStarted
from tests.core.cli.render.helpers import begin, end, finish, move, start


def transfer(*amounts: tuple[float, int], total: int = 1000) -> Transfer:
    """Return a transfer that was so far at these times."""
    result = Transfer(subject="a", host="n1", began=0.0, updated=0.0)
    for now, moved in amounts:
        result.advance(moved, total, now)
    return result


def test_steps_are_counted_once_however_often_they_are_tried() -> None:
    progress = Progress()
    events: list[Event] = [
        begin("n1", "n2", steps=5, done=2),
        start("n1", "a"),
        start("n1", "a", attempt=2),
        finish("n1", "a"),
        start("n2", "b"),
        finish("n2", "b", Outcome.FAILED, error="no"),
        finish("n2", "c", Outcome.BLOCKED),
    ]
    for now, event in enumerate(events):
        progress.take(event, float(now))
    assert (progress.done, progress.steps) == (3, 5)
    assert progress.outcomes["n2"] == {Outcome.FAILED: 1, Outcome.BLOCKED: 1}
    assert progress.errors == {"n2": "no"}
    assert progress.running == {}


def test_a_step_has_run_since_its_first_attempt() -> None:
    progress = Progress()
    progress.take(start("n1", "a"), 1.0)
    progress.take(start("n2", "b"), 2.0)
    progress.take(start("n1", "a", attempt=2), 3.0)
    slowest = progress.slowest()
    assert slowest is not None
    assert (slowest.host, slowest.began, slowest.attempt) == ("n1", 1.0, 2)


def test_a_second_operation_begins_anew() -> None:
    progress = Progress()
    for event in (begin("n1"), start("n1", "a"), finish("n1", "a"), move(1, 2), end(changed=1), begin("n2")):
        progress.take(event, 0.0)
    assert (progress.done, list(progress.outcomes), progress.transfers, progress.finished) == (
        0,
        ["n2"],
        {},
        None,
    )


def test_rate_and_time_left_are_those_of_the_last_seconds() -> None:
    steady = transfer((0, 0), (1, 100), (2, 200))
    assert (steady.rate(2), steady.seconds_left(2), steady.percent) == (100, 8, 20)
    faster = transfer(*((float(second), second * 10) for second in range(10)), (30, 500), (31, 600))
    assert faster.rate(31) == 100


def test_a_stalled_transfer_slows_down_and_one_that_ended_has_no_rate() -> None:
    stalled = transfer((0, 0), (1, 100))
    assert stalled.rate(1) > stalled.rate(10) > 0
    ended = transfer((0, 0), (1, 1000))
    assert (ended.finished, ended.rate(2), ended.seconds_left(2)) == (True, 0, None)
    assert transfer((0, 0)).seconds_left(0) is None


def test_a_later_stream_of_the_same_name_begins_at_nothing() -> None:
    progress = Progress()
    events: list[Event] = [
        start("n1", "copy"),
        move(10, 10),
        finish("n1", "copy"),
        StepStarted(step="second", title="copy", host="n1"),
        move(1, 10),
        move(10, 10, subject="pull", host=None),
        move(2, 10, subject="pull", host=None),
    ]
    for event in events:
        progress.take(event, 0.0)
    assert [found.percent for found in progress.transfers.values()] == [10, 20]
    assert [found.moved for found in progress.ended] == [10, 10]
    step = progress.running["second"]
    found = progress.transfer_of(step)
    assert found is not None
    assert found.percent == 10


def test_a_transfer_of_nothing_is_done() -> None:
    assert transfer((0, 0), total=0).percent == 100


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1))
def test_percents_never_go_back_and_are_100_at_most(amounts: list[tuple[int, int]]) -> None:
    watched = transfer()
    seen = [0]
    for now, (moved, total) in enumerate(amounts):
        watched.advance(moved, total, float(now))
        assert watched.rate(now + 1.0) >= 0
        seen.append(watched.percent)
    assert seen == sorted(seen)
    assert seen[-1] <= 100


HOSTS, TITLES = ("n1", "n2"), ("copy", "join")
EVENTS = st.lists(
    st.one_of(
        st.builds(start, st.sampled_from(HOSTS), st.sampled_from(TITLES), st.integers(1, 3)),
        st.builds(finish, st.sampled_from(HOSTS), st.sampled_from(TITLES), st.sampled_from(list(Outcome))),
        st.builds(
            move,
            st.integers(0, 100),
            st.integers(0, 100),
            subject=st.sampled_from(TITLES),
            host=st.sampled_from(HOSTS),
        ),
    ),
    max_size=60,
)


@given(EVENTS)
def test_no_number_falls_whatever_happens(events: list[Event]) -> None:
    progress = Progress()
    progress.take(begin(*HOSTS, steps=100), 0.0)
    done, percents = 0, dict[str, int]()
    for now, event in enumerate(events):
        if isinstance(event, StepStarted) and event.step not in progress.running:
            percents.pop(event.step, None)
        progress.take(event, float(now))
        assert progress.done >= done
        done = progress.done
        for step in progress.running.values():
            transfer = progress.transfer_of(step)
            percent = percents.get(step.step, 0) if transfer is None else transfer.percent
            assert percents.get(step.step, 0) <= percent <= 100
            percents[step.step] = percent
