"""Compare `sealer save` and `load` with `cat` and `sha256sum`, and start-up with that of an empty Python.

In turns: the saved archive is copied with `cat` and hashed with `sha256sum`; the image is saved; the archive
is loaded into an empty home. What counts are the ratios of the medians.

    python bench/build_sharing.py --size 1024 --repetitions 5

needs Sealer importable by the Python that runs this.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from build import build_with_sealer, make_context
from build_measuring import environment, run

SEALER = [sys.executable, "-m", "sealer"]


def measure(directory: Path, size: int, repetitions: int) -> tuple[dict[str, list[float]], int]:
    """Return the seconds of each way, and the size of the archive in bytes."""
    make_context(directory / "context", size)
    build_with_sealer(directory / "context", directory)
    shutil.rmtree(directory / "context")
    archive, copy = directory / "bench.tar", directory / "copy.tar"
    home, other = environment(directory / "home"), environment(directory / "other")
    run([*SEALER, "save", "-q", "-o", str(archive), "bench:1"], home)
    ways = {
        "cat and sha256sum": (["sh", "-ec", f"cat {archive} > {copy}; sha256sum {copy}"], home),
        "sealer save": ([*SEALER, "save", "-q", "-o", str(copy), "bench:1"], home),
        "sealer load": ([*SEALER, "load", "-q", "-i", str(archive)], other),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, (words, variables) in ways.items():
            copy.unlink(missing_ok=True)
            shutil.rmtree(directory / "other", ignore_errors=True)
            os.sync()  # what one has left to write is not to slow the other
            found[name].append(run(words, variables).seconds)
    for _ in range(4 * repetitions):
        for name, words in {
            "python -c pass": [sys.executable, "-c", "pass"],
            "sealer --help": [*SEALER, "--help"],
            "sealer images": [*SEALER, "images"],
        }.items():
            found.setdefault(name, []).append(run(words, home).seconds)
    return found, archive.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1024, help="MiB of the context")
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    repetitions: int = given.repetitions
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        found, size = measure(Path(directory), given.size << 20, repetitions)
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(
        f"an archive of {size / 2**20:.0f} MiB, medians of {given.repetitions}; start-up: four times as many"
    )
    for name, values in found.items():
        seconds = ", ".join(f"{value:.2f}" for value in values[:5])
        print(f"  {name:18} {medians[name]:7.3f} s   ({seconds} ...)")
    for name in ("save", "load"):
        speed = medians["cat and sha256sum"] / medians[f"sealer {name}"]
        print(f"  speed of {name:9} {speed:7.2f} of cat and sha256sum")


if __name__ == "__main__":
    main()
