"""Why something failed on a host, from what it printed."""

from __future__ import annotations

import pytest

from sealer.model import Step
from sealer.operation.diagnosis import StepErrors


@pytest.mark.parametrize(
    ("printed", "what", "hint"),
    [
        ("tar: ./x: Cannot write: No space left on device", "the disk is full", "/srv/c"),
        ("mkdir: cannot create directory '/x': Read-only file system", "a file system is read-only", "dmesg"),
        (
            "a later run has come while this one waited; it changes nothing",
            "another run of sealer works on this host",
            "let it come to its end",
        ),
    ],
)
def test_what_is_known_is_said_in_plain_words(printed: str, what: str, hint: str) -> None:
    step = Step(id="s", title="s", host="n1", changes=())
    error = StepErrors(data="/srv/c").of_step(step, "it failed", ["before", printed])
    assert error.message == f"it failed: {what}"
    assert error.hint is not None
    assert hint in error.hint


def test_what_is_not_known_is_shown_as_it_was_printed() -> None:
    step = Step(id="s", title="s", host="n1", changes=())
    error = StepErrors(data="/srv/c").of_step(step, "it failed", ["no such thing"])
    assert (error.message, error.hint) == ("it failed", None)
    assert "no such thing" in getattr(error, "output", "")
