"""Compare `sealer build` with `buildah bud` and `buildah push oci:`; rebuild; and hold it against the limit.

Both build the same context in the same run, one after the other, several times, each with an empty store.
What counts is the ratio of the medians: it says the same on a slow machine as on a fast one. Then the context
is built again with nothing changed, and with one small file changed, beside an interpreter that does nothing
and a bare walk that asks for the status of every file. The limit is what no such build can do without: to
read the files, hash them, compress them as Sealer does and hash the result. Both it and the build are
measured on one core and on two.

    python bench/build.py --size 1536 --repetitions 5

needs buildah, and Sealer importable by the Python that runs this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from build_measuring import Measured, environment, on_cores, run
from isal import isal_zlib

SNIPPETS = 512
FILES = 5000
PIECE = 8 << 20
BLOCK = 1 << 20
SETTLED = 2.1


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
    for count in range(FILES - number):
        path = small_file(directory, count)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"kind: ConfigMap\nmetadata: {{name: n{count}}}\n")


def small_file(directory: Path, number: int) -> Path:
    return directory / f"etc/{number % 50}/file-{number}.yaml"


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
    return Measured(
        seconds=build.seconds + push.seconds,
        processor=build.processor + push.processor,
        memory=max(build.memory, push.memory),
    )


def limit(context: Path, cores: int) -> float:
    """Return the seconds that reading, hashing and compressing all files takes on some cores."""
    files = sorted(path for path in context.rglob("*") if path.is_file())

    def work(share: Sequence[Path]) -> None:
        raw, packed = hashlib.sha256(), hashlib.sha256()
        deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
        for path in share:
            with path.open("rb", buffering=0) as file:
                while block := file.read(BLOCK):
                    raw.update(block)
                    packed.update(deflate.compress(block))
        packed.update(deflate.flush())

    began = time.monotonic()
    with on_cores(cores), ThreadPoolExecutor(max_workers=cores) as pool:
        for done in [pool.submit(work, files[core::cores]) for core in range(cores)]:
            done.result()
    return time.monotonic() - began


WALK = """
import os, sys
waiting = [sys.argv[1]]
while waiting:
    for entry in os.scandir(waiting.pop()):
        entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            waiting.append(entry.path)
"""


def rebuilds(context: Path, scratch: Path, repetitions: int) -> dict[str, list[Measured]]:
    """Build again what has not changed, then what has, in turns with what costs the least."""
    found: dict[str, list[Measured]] = {}
    for number in range(repetitions):
        ways: dict[str, Callable[[], Measured]] = {
            "python -c pass": lambda: run([sys.executable, "-c", "pass"], dict(os.environ)),
            "bare walk": lambda: run([sys.executable, "-c", WALK, str(context)], dict(os.environ)),
            "nothing changed": lambda: build_with_sealer(context, scratch),
        }
        for name, way in ways.items():
            found.setdefault(name, []).append(way())
        small_file(context, number * 10).write_text(f"changed: {number}\n")
        found.setdefault("one file changed", []).append(build_with_sealer(context, scratch))
        # What was written a moment ago is read again, whatever its time says.
        time.sleep(SETTLED)
        build_with_sealer(context, scratch)
    return found


def measure(directory: Path, size: int, repetitions: int) -> dict[str, list[float]]:
    """Return the seconds of each way, and the peak memory of builds in MiB."""
    context, scratch = directory / "context", directory / "scratch"
    make_context(context, size)
    ways = {"sealer": build_with_sealer, "buildah": build_with_buildah}
    found: dict[str, list[float]] = {"sealer peak MiB": [], "buildah peak MiB": []}
    for _ in range(repetitions):
        for name, way in ways.items():
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            os.sync()  # what one has left to write is not to slow the other
            done = way(context, scratch)
            found.setdefault(name, []).append(done.seconds)
            found.setdefault(f"{name}, processor", []).append(done.processor)
            found[f"{name} peak MiB"].append(done.memory / 2**20)
        for cores in (1, 2):
            found.setdefault(f"limit, cores: {cores}", []).append(limit(context, cores))
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            os.sync()
            with on_cores(cores):
                found.setdefault(f"sealer, cores: {cores}", []).append(
                    build_with_sealer(context, scratch).seconds
                )
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    build_with_sealer(context, scratch)

    for name, again in rebuilds(context, scratch, repetitions).items():
        found[name] = [each.seconds for each in again]
        found[f"{name}, processor"] = [each.processor for each in again]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1536, help="MiB of the context")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--directory", type=Path, default=None, help="where to work; by default below $TMPDIR"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory, ignore_cleanup_errors=True) as directory:
        found = measure(Path(directory), given.size << 20, given.repetitions)
    medians = {name: statistics.median(values) for name, values in found.items()}
    if given.json:
        print(json.dumps({"size": given.size, "measured": found, "medians": medians}))
        return
    print(f"{given.size} MiB in {FILES} files, medians of {given.repetitions}:")
    for name, values in found.items():
        print(f"  {name:28} {medians[name]:7.2f}   ({', '.join(f'{value:.2f}' for value in values)})")
    print(f"  sealer / buildah           {medians['sealer'] / medians['buildah']:7.3f}")
    for cores in (1, 2):
        ratio = medians[f"sealer, cores: {cores}"] / medians[f"limit, cores: {cores}"]
        print(f"  sealer / limit, cores: {cores}   {ratio:7.2f}")
    for name in ("nothing changed", "one file changed"):
        for least in ("python -c pass", "bare walk"):
            print(f"  {name} / {least}   {medians[name] / medians[least]:7.1f}")


if __name__ == "__main__":
    main()
