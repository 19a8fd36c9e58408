"""Many commands on one store at once, and builds that are killed wherever they change a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sealer.build.prune import prune
from sealer.image.store import ImageStore
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .helpers import Workshop, files

LINES = 'FROM scratch\nCOPY . data/\nAPP one local://one\nAPPCMDS one ["sh x.sh"]\nLAUNCH one\n'

# Kills itself at the Nth time that it is about to change a file or directory.
KILLED = """
import os, signal, sys
left = int(sys.argv[1])
def hook(event, arguments):
    global left
    changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
    if changes or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
from sealer.cli.program import run
sys.addaudithook(hook)
sys.exit(run(sys.argv[2:]))
"""
STRIDE = 11


def environment(store: ImageStore) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(store.home)}


def start(store: ImageStore, words: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sealer", *words],
        env=environment(store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(store: ImageStore, words: Sequence[str]) -> None:
    process = start(store, words)
    _, said = process.communicate()
    assert (process.returncode, said) == (0, "")


def assert_whole(store: ImageStore) -> None:
    """Every image that the store lists has all its blobs, undamaged."""
    fresh = ImageStore(store.home)
    for entry in fresh.list():
        image = fresh.resolve(str(entry))
        for blob in (image.manifest.config, *image.layers):
            fresh.verified_blob(blob.digest)


def test_builds_pulls_and_prunes_at_once_all_succeed(
    workshop: Workshop, registry: RegistryServer, tmp_path: Path
) -> None:
    """Each build and pull shares layers with others; some give a name to another image again and again."""
    shared = {"shared": os.urandom(100_000)}
    source = ImageStore(tmp_path / "source")
    pulled = []
    for number in range(4):
        name = f"{registry.address}/app:{number}"
        make_image(source, name, layers=[shared, {"own": f"{number}".encode()}])
        run(source, ["push", "-q", "--skip-tls-verify", name])
        pulled.append(name)
    workshop.put({"one/x.sh": "x", "large": os.urandom(3_000_000)})
    contexts = []
    for number in range(4):
        context = tmp_path / f"context{number}"
        context.mkdir()
        (context / "Kubefile").write_text("FROM scratch\nCOPY . data/\n")
        (context / "large").write_bytes((workshop.context / "large").read_bytes())
        (context / "own").write_text(str(number // 2))
        contexts.append(context)
    for _ in range(2):
        commands = [["pull", "-q", "--skip-tls-verify", name] for name in pulled]
        commands += [
            ["build", "-q", "--no-cache", "-t", f"built:{n}", str(c)] for n, c in enumerate(contexts)
        ]
        commands += [["build", "-q", "-t", "contested:1", str(context)] for context in contexts]
        commands += [["prune", "--cache"], ["prune", "--dry-run"], ["rmi", "--prune"], ["images"]]
        running = [(words, start(workshop.store, words)) for words in commands]
        for words, process in running:
            _, said = process.communicate()
            assert (words, process.returncode, said if process.returncode else "") == (words, 0, "")
        assert_whole(workshop.store)
    names = {str(entry).rpartition("/")[2] for entry in workshop.store.list() if entry.reference}
    assert names == {*(f"app:{n}" for n in range(4)), *(f"built:{n}" for n in range(4)), "contested:1"}
    first, second = (workshop.store.resolve(f"built:{number}").digest for number in (0, 1))
    assert first == second
    assert prune(workshop.store).deferred is None
    assert list(workshop.store.layout.temporary.iterdir()) == []
    assert_whole(workshop.store)


@pytest.mark.slow
def test_a_build_killed_at_any_point_leaves_no_partial_image(workshop: Workshop, tmp_path: Path) -> None:
    workshop.put({"one/x.sh": "x", "etc/conf": "c" * 50_000, "Kubefile": LINES})
    whole = ImageStore(tmp_path / "whole")
    words = ["build", "-q", "-t", "test:1", str(workshop.context)]
    run(whole, words)
    wanted = whole.resolve("test:1").digest
    position = 1
    while True:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(position), *words],
            env=environment(workshop.store),
            capture_output=True,
            check=False,
        )
        found = [str(entry) for entry in workshop.store.list()]
        assert_whole(workshop.store)
        for name in found:
            assert workshop.store.resolve(name).digest == wanted
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        if position % 3 == 1:
            # What was left is collected; without that, the next build copes with it.
            assert prune(workshop.store, fetched=True).deferred is None
            assert list(workshop.store.layout.temporary.iterdir()) == []
        position += STRIDE
    assert position > 3 * STRIDE
    image = workshop.store.resolve("test:1")
    assert files(workshop.store, image)["data/etc/conf"] == b"c" * 50_000
    prune(workshop.store)
    assert list(workshop.store.layout.temporary.iterdir()) == []
