"""Compare `sealer build` with `buildah bud` and `buildah push oci:`, and measure memory and start-up.

Both build the same context in the same run, one after the other, several times, each with an empty store.
What counts is the ratio of the medians: it says the same on a slow machine as on a fast one.

    python bench/build.py --size 1024 --repetitions 5

needs buildah, and Sealer importable by the Python that runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SNIPPETS = 512
SMALL_FILES = 2000
PIECE = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a command: wall seconds, and the largest resident set in bytes."""

    seconds: float
    memory: int


def make_context(directory: Path, size: int) -> None:
    """Write files that compress about as well as programs do, and many small ones; always the same."""
    chance = random.Random(0)
    snippets = [chance.randbytes(32) for _ in range(SNIPPETS)]
    directory.mkdir(parents=True)
    written = 0
    number = 0
    while written < size:
        content = bytearray()
        while len(content) < PIECE:
            content += chance.randbytes(1536)
            content += b"".join(chance.choices(snippets, k=200))
        path = directory / f"bin/{number % 7}/program-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[: min(PIECE, size - written)])
        path.chmod(0o755)
        written += path.stat().st_size
        number += 1
    for number in range(SMALL_FILES):
        path = directory / f"etc/{number % 50}/file-{number}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"kind: ConfigMap\nmetadata: {{name: n{number}}}\n")


def run(words: list[str], environment: dict[str, str]) -> Measured:
    """Run a command and measure it alone."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(words)} failed:\n{errors.read().decode(errors='replace')}")
    return Measured(seconds=time.monotonic() - began, memory=usage.ru_maxrss * 1024)


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(home)}


def build_with_sealer(context: Path, scratch: Path) -> Measured:
    file = scratch / "Kubefile"
    file.write_text("FROM scratch\nCOPY . .\n")
    words = [sys.executable, "-m", "sealer", "build", "-q", "-f", str(file), "-t", "bench:1", str(context)]
    return run(words, environment(scratch / "home"))


def build_with_buildah(context: Path, scratch: Path) -> Measured:
    file = scratch / "Dockerfile"
    file.write_text("FROM scratch\nCOPY . /\n")
    storage = ["buildah", "--root", str(scratch / "root"), "--runroot", str(scratch / "run")]
    build = run([*storage, "bud", "-q", "-f", str(file), "-t", "bench:1", str(context)], dict(os.environ))
    push = run([*storage, "push", "-q", "bench:1", f"oci:{scratch / 'layout'}:bench"], dict(os.environ))
    subprocess.run([*storage, "rmi", "--all", "--force"], check=False, capture_output=True)
    return Measured(seconds=build.seconds + push.seconds, memory=max(build.memory, push.memory))


def start_up(repetitions: int) -> tuple[list[float], list[float]]:
    """Return the seconds of `sealer --help` and of an empty Python program, in turns."""
    ours: list[float] = []
    empty: list[float] = []
    for _ in range(repetitions):
        ours.append(run([sys.executable, "-m", "sealer", "--help"], environment(Path("/nowhere"))).seconds)
        empty.append(run([sys.executable, "-c", "pass"], environment(Path("/nowhere"))).seconds)
    return ours, empty


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1024, help="MiB of the context")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--directory", type=Path, default=None, help="where to work; by default below $TMPDIR"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    ours: list[Measured] = []
    theirs: list[Measured] = []
    with tempfile.TemporaryDirectory(dir=given.directory, ignore_cleanup_errors=True) as directory:
        context = Path(directory) / "context"
        make_context(context, given.size << 20)
        for _ in range(given.repetitions):
            for build, results in ((build_with_sealer, ours), (build_with_buildah, theirs)):
                scratch = Path(directory) / "scratch"
                scratch.mkdir()
                os.sync()  # what one has left to write is not to slow the other
                results.append(build(context, scratch))
                shutil.rmtree(scratch, ignore_errors=True)
    help_seconds, empty_seconds = start_up(20)
    sealer = statistics.median(result.seconds for result in ours)
    buildah = statistics.median(result.seconds for result in theirs)
    report = {
        "context_mib": given.size,
        "repetitions": given.repetitions,
        "sealer_seconds": [round(result.seconds, 2) for result in ours],
        "buildah_seconds": [round(result.seconds, 2) for result in theirs],
        "ratio": round(sealer / buildah, 3),
        "sealer_peak_mib": round(max(result.memory for result in ours) / 2**20, 1),
        "buildah_peak_mib": round(max(result.memory for result in theirs) / 2**20, 1),
        "help_milliseconds": round(statistics.median(help_seconds) * 1000, 1),
        "empty_python_milliseconds": round(statistics.median(empty_seconds) * 1000, 1),
    }
    if given.json:
        print(json.dumps(report))
        return
    print(f"build of {given.size} MiB, {given.repetitions} times each, medians:")
    print(f"  sealer   {sealer:7.2f} s   peak {report['sealer_peak_mib']} MiB")
    print(f"  buildah  {buildah:7.2f} s   peak {report['buildah_peak_mib']} MiB")
    print(f"  ratio    {report['ratio']:7.3f}")
    print(f"sealer --help      {report['help_milliseconds']} ms")
    print(f"python -c pass     {report['empty_python_milliseconds']} ms")


if __name__ == "__main__":
    main()
