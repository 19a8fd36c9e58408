"""Progress as JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from sealer.cli.render.json_lines import NAMES, JsonRenderer
from sealer.cli.render.throttle import Throttle
from sealer.events import Event, HostOutput, Message
from tests.core.cli.render.helpers import begin, finish, move

NOON = datetime(2024, 1, 2, 12, 0, 0, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[4] / "docs" / "progress.md"


def render(*events: Event, seconds: float = 1.0) -> list[dict[str, object]]:
    """Return the objects written for events that come some seconds apart."""

    def moments() -> Iterator[datetime]:
        moment = NOON
        while True:
            yield moment
            moment += timedelta(seconds=seconds)

    stream = io.StringIO()
    times = moments()
    with JsonRenderer(stream, clock=lambda: next(times)) as renderer:
        for event in events:
            renderer(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_an_object_with_its_fields() -> None:
    started, finished, output = render(
        begin("n1", steps=3, done=1),
        finish("n1", "a", changes=("b",)),
        HostOutput(host="n1", step="s", line="ü\n"),
    )
    assert started == {
        "time": "2024-01-02T12:00:00.000Z",
        "event": "operation-started",
        "operation": "o1",
        "verb": "run",
        "cluster": "c",
        "hosts": ["n1"],
        "steps": 3,
        "done": 1,
        "log": "/log/o1.log",
    }
    assert (finished["time"], finished["event"]) == ("2024-01-02T12:00:01.000Z", "step-finished")
    assert (finished["outcome"], finished["changes"], finished["error"]) == ("changed", ["b"], None)
    assert (output["event"], output["line"]) == ("host-output", "ü\n")


def test_a_transfer_is_told_of_once_a_second_and_when_it_ends() -> None:
    moves = [move(amount, 100) for amount in range(0, 101, 2)]
    assert [found["moved"] for found in render(*moves, seconds=0.1)] == [0, 20, 40, 60, 80, 100]


def test_the_throttle_lets_each_transfer_end_and_everything_else_pass() -> None:
    throttle = Throttle(10.0)
    passed = [throttle.passes(move(moved, 2), 0.0) for moved in (0, 1, 2, 2)]
    assert passed == [True, False, True, False]
    assert throttle.passes(move(0, 2, host="n2"), 0.0)
    assert all(throttle.passes(Message(text="a"), 0.0) for _ in range(3))


def test_every_event_and_field_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    kinds = get_args(Event)
    assert set(NAMES) == set(kinds)
    for kind in kinds:
        (row,) = re.findall(rf"^\| `{NAMES[kind]}` \| (.*?) \|", text, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == [field.name for field in fields(kind)]
