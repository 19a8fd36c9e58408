"""Short ways to parse a text and to look at what is wrong with one."""

from __future__ import annotations

import pytest

from sealer.errors import SourceError, SourceErrors
from sealer.kubefile import Kubefile, Variables, parse
from sealer.kubefile.instructions import Instruction
from sealer.model import Platform

AMD64 = Platform(architecture="amd64")
VARIABLES = Variables(platform=AMD64, inherited={})


def kubefile(*lines: str, variables: Variables = VARIABLES) -> Kubefile:
    return parse("\n".join(lines).encode(), variables)


def instruction(line: str) -> Instruction:
    """Return the one instruction that follows FROM."""
    _, found = kubefile("FROM scratch", line).instructions
    return found


def problems(*lines: str) -> tuple[SourceError, ...]:
    with pytest.raises(SourceErrors) as caught:
        kubefile(*lines)
    return caught.value.problems


def problem(line: str) -> tuple[str, int]:
    """Return the message and the column of the one problem in a line that follows FROM."""
    (found,) = problems("FROM scratch", line)
    assert found.place.line == 2
    return found.message, found.place.column
