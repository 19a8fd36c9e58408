"""Which applications get values that the user gives for one, or for all."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sealer.cluster.app_values import require_takers, value_files, value_texts
from sealer.cluster.launch_choice import EVERY, AppChoice, LaunchChoice
from sealer.errors import UsageError
from sealer.model import Application
from sealer.providers import AppType
from sealer.testing.stand_ins import Note


class Chart(Note):
    name = "chart"

    def takes_values(self) -> bool:
        return True


TYPES: Mapping[str, AppType] = {"note": Note(), "chart": Chart()}
NOTE, CHART = Application(name="n", type="note"), Application(name="c", type="chart")
ALL = LaunchChoice(settings={EVERY: AppChoice(values=("a: 1\n",))})


def texts(choice: LaunchChoice, app: Application) -> tuple[str, ...]:
    return value_texts(choice, app, TYPES, lambda reference: f"from: {reference}\n")


def test_values_for_all_pass_by_what_takes_none() -> None:
    require_takers(ALL, (NOTE, CHART), TYPES)
    assert texts(ALL, NOTE) == ()
    assert texts(ALL, CHART) == ("a: 1\n",)


def test_values_that_nobody_takes_are_refused() -> None:
    with pytest.raises(UsageError, match="no application that is launched takes any"):
        require_takers(ALL, (NOTE,), TYPES)
    one = LaunchChoice(settings={"n": AppChoice(values_from=("env:X",))})
    with pytest.raises(UsageError, match="application n is of type note, which takes no values"):
        require_takers(one, (NOTE, CHART), TYPES)


def test_values_of_one_come_over_those_of_all_and_references_last() -> None:
    own = AppChoice(values=("b: 2\n",), values_from=("env:X",))
    choice = LaunchChoice(settings={**ALL.settings, "c": own})
    assert texts(choice, CHART) == ("a: 1\n", "b: 2\n", "from: env:X\n")
    files = value_files(texts(choice, CHART), "/data/values/c", owner="me:us")
    assert [(file.path, file.mode, file.owner) for file in files][-1] == (
        "/data/values/c/3.yaml",
        0o600,
        "me:us",
    )


@pytest.mark.parametrize(("text", "reason"), [("a: [", "no YAML"), ("- a\n", "no mapping")])
def test_what_are_no_values(text: str, reason: str) -> None:
    choice = LaunchChoice(settings={"c": AppChoice(values=(text,))})
    with pytest.raises(UsageError, match=f"the values for c are {reason}"):
        texts(choice, CHART)
