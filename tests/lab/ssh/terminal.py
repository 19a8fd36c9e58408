"""Someone who types at a terminal."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.operator import Operator


class Terminal:
    """Someone who types at a terminal where a program runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._shown = ""

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and type the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        while not self._shown.endswith(question):
            self._shown += self._process.stdout.read(1) or pytest.fail(self._shown)
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def finish(self) -> str:
        """Wait for its end, which must be a good one, and return all that was shown."""
        assert self._process.stdout is not None
        self._shown += self._process.stdout.read()
        assert self._process.wait() == 0, self._shown
        return self._shown


@contextmanager
def typing(person: Operator, *words: str) -> Iterator[Terminal]:
    """Start a program at a terminal."""
    with subprocess.Popen(
        ["script", "-qec", shlex.join(person.command(*words)), "/dev/null"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        bufsize=1,
        env=person.environment,
    ) as process:
        yield Terminal(process)
