"""Sizes, times and lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.cli.render import wording
from sealer.events import Outcome


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (123_456, "123 kB"),
        (999_600, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
        (7e15, "7000.0 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert wording.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (4.12, "4.1s"), (59.97, "1m00s"), (93.2, "1m33s"), (3599.6, "1h00m"), (7500, "2h05m")],
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@given(st.text())
def test_a_line_has_no_character_that_moves_a_cursor(text: str) -> None:
    assert all(character.isprintable() for character in wording.line(text))


def test_names_and_numbers() -> None:
    assert wording.line("a\x1b[31mb\r\nc\td") == "a[31mb c d"
    assert wording.some(["a", "b", "c"], 2) == "a, b and 1 more"
    assert (
        wording.counts({Outcome.FAILED: 1, Outcome.CHANGED: 2, Outcome.BLOCKED: 0}) == "2 changed, 1 failed"
    )
    assert wording.counts({}) == "nothing to do"
