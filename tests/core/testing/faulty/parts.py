"""What the modules of faulty providers share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sealer.changes import Change
from sealer.model import Step


def giving(value: Any) -> Any:
    """Make a fixture that returns a value."""

    @pytest.fixture
    def given(self: object) -> Any:
        return value

    return given


def with_changes(steps: Iterable[Step], *changes: Change) -> Iterator[Step]:
    for step in steps:
        yield replace(step, changes=(*step.changes, *changes))
