"""Labs of tests: how they are named, and the removal of those whose run of pytest was killed."""

from __future__ import annotations

import os
import re

from sealer.testing.lab.cleanup import find_labs
from sealer.testing.lab.lab import Lab
from sealer.testing.lab.processes import Process

_NAME = re.compile(r"test-(\d+)-\d+")


def name_for_test(number: int) -> str:
    """Return the name of a lab of this process, which tells whose it was when the process is gone."""
    return f"test-{os.getpid()}-{number}"


def remove_abandoned() -> None:
    """Remove the labs of test runs that have ended; those of people and of runs that go on stay."""
    for places in find_labs():
        match = _NAME.fullmatch(places.lab)
        if match is not None and Process.find(int(match[1])) is None:
            Lab(places.lab, base_dir=places.home.parent).down()
