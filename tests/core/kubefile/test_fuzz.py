"""A short run of what ``bench/fuzz_kubefile.py`` does with a million inputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "bench" / "fuzz_kubefile.py"


def test_random_inputs_are_accepted_or_refused_with_places() -> None:
    words = [sys.executable, str(SCRIPT), "--inputs", "4000", "--seed", "2"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4000 inputs of seed 2")
    accepted = int(done.stdout.partition(": ")[2].partition(" ")[0])
    assert 50 < accepted < 3950
