"""Runs commands for the benchmarks of building and sharing, and measures each alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: wall and processor seconds with all children, and the largest resident set in bytes."""

    seconds: float
    processor: float
    memory: int


@contextmanager
def on_cores(count: int | None) -> Iterator[None]:
    """Keep this process, and those it starts, on so many cores; None leaves it as it is."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if count is None else sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(words: Sequence[str], environment: dict[str, str]) -> Measured:
    """Run a command to its end; a failure ends the benchmark."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(words)} failed:\n{errors.read().decode(errors='replace')}")
    return Measured(seconds=seconds, processor=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss * 1024)


def environment(home: Path) -> dict[str, str]:
    """Return the environment in which Sealer runs as this Python imports it, with a home of its own."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(home)}
    # As for users, what was compiled once is not compiled again at each start.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables
