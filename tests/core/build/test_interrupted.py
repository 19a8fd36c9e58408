"""Builds that end before their time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.image.store import ImageStore

from .helpers import Workshop

PATIENCE = 60.0


@pytest.fixture
def building(workshop: Workshop) -> Iterator[subprocess.Popen[str]]:
    """A build that has begun to write a layer far too large to be done yet."""
    with (workshop.context / "large").open("wb") as file:
        file.truncate(100 << 30)  # it takes no space: nothing is in it
    (workshop.context / "Kubefile").write_text("FROM scratch\nCOPY . data/\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SEALER_HOME": str(workshop.store.home),
    }
    words = [sys.executable, "-m", "sealer", "build", "-q", "-t", "large:1", str(workshop.context)]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not written(workshop.store):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with process:
        yield process
        process.kill()


def written(store: ImageStore) -> list[Path]:
    """Return the layers that are being written."""
    temporary = store.layout.temporary
    return [path for path in temporary.glob("*") if path.is_file() and path.stat().st_size > 1 << 20]


def test_a_build_that_is_interrupted_ends_soon_and_leaves_nothing(
    workshop: Workshop, building: subprocess.Popen[str]
) -> None:
    building.send_signal(signal.SIGINT)
    _, said = building.communicate(timeout=PATIENCE)
    assert building.returncode == 130
    assert "Traceback" not in said
    assert list(workshop.store.layout.temporary.iterdir()) == []
    assert workshop.store.list() == ()


def test_what_a_killed_build_leaves_is_cleared_away_and_the_next_build_works(
    workshop: Workshop, building: subprocess.Popen[str]
) -> None:
    building.kill()
    building.wait()
    assert written(workshop.store)
    (workshop.context / "large").unlink()
    image = workshop.build("FROM scratch", "COPY . data/")
    workshop.store.prune()
    assert list(workshop.store.layout.temporary.iterdir()) == []
    assert workshop.store.resolve("test:1").digest == image.digest
