"""Steps made for real in a directory of this machine, and taken back, without SSH and without stand-ins."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from sealer.changes import Command, Directory, File, Output
from sealer.model import Step, Value
from sealer.testing.shells import present_shells
from sealer.testing.trial import Trial, here


@pytest.fixture(params=present_shells(), ids=lambda shell: shell[0])
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Trial:
    return Trial(data=tmp_path / "data", run=here(*request.param))


def step_in(directory: Path, word: str = "") -> Step:
    owner = f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"
    mark = directory / "made/mark"
    return Step(
        id="trial",
        title="try",
        host="here",
        changes=(
            Directory(path=str(directory / "made"), owner=owner),
            File(path=str(directory / "config"), content=f"word {word}\n", owner=owner),
            Command(
                title="mark",
                run=f'echo "$COLOR" > {mark}',
                creates=str(mark),
                revert=f"rm -f {mark}",
                yields=(Output(key="color", script=f"cat {mark}"),),
            ),
        ),
        env={"COLOR": "blue"},
    )


def test_a_step_is_made_once_and_taken_back(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("as it was\n")
    step = step_in(tmp_path)
    assert set(trial.look(step).states.values()) == {"needed"}
    first = trial.apply(step)
    assert first.complete, first.output
    assert set(first.states.values()) == {"changed"}
    assert first.values == {"color": "blue"}
    assert set(trial.apply(step).states.values()) == {"same"}
    back = trial.take_back()
    assert back.complete, back.output
    assert len(back.states) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"config"}
    assert (tmp_path / "config").read_text() == "as it was\n"


def test_values_of_other_steps_are_filled_in(trial: Trial, tmp_path: Path) -> None:
    step = step_in(tmp_path, str(Value(step="other", key="word")))
    with pytest.raises(KeyError):
        trial.apply(step)
    assert trial.apply(step, {("other", "word"): "given"}).complete
    assert (tmp_path / "config").read_text() == "word given\n"


def test_a_change_that_fails_is_told(trial: Trial) -> None:
    step = Step(id="bad", title="bad", host="here", changes=(Command(title="fail", run="echo why; exit 3"),))
    done = trial.apply(step)
    assert not done.complete
    assert done.states == {"fail": "failed"}
    assert "why" in done.output
