"""Many processes on one store: writers, removers, and some that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sealer.image.oci import parse_document
from sealer.image.store import ImageStore
from sealer.testing.images import make_image

# Each round makes an image that shares a layer with those of all others, and takes it away again.
WORKER = """
import pathlib, sys
from sealer.errors import ImageError
from sealer.image.store import ImageStore
from sealer.testing.images import make_image
home, name, rounds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = ImageStore(home)
layers = [{"shared": b"s" * 5000}, *({"own": f"{name} {number}".encode()} for number in range(8))]
print("ready", flush=True)
for number in range(rounds):
    with store.lease():
        make_image(store, f"{name}:{number}", layers=layers)
        store.tag(f"{name}:{number}", "contested")
        for blob in store.resolve(f"{name}:{number}").layers:
            ImageStore(home).verified_blob(blob.digest)
    if number < rounds - 1:
        store.remove(f"{name}:{number}")
        store.prune()
"""
KILLED_ROUNDS = 1_000_000


def start(home: Path, name: str, rounds: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home), name, str(rounds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def assert_whole(store: ImageStore) -> None:
    """Every entry has all its blobs, undamaged."""
    for entry in store.list():
        parse_document(store.read_blob(entry.digest), entry.descriptor.media_type)
        image = ImageStore(store.home).resolve(entry.digest)
        for blob in (image.manifest.config, *image.layers):
            store.verified_blob(blob.digest)


def test_ten_writers_and_removers_lose_nothing(store: ImageStore) -> None:
    processes = [start(store.home, f"worker{number}", 8) for number in range(10)]
    for process in processes:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, b"")
    assert_whole(store)
    names = {str(entry) for entry in store.list() if entry.reference}
    assert {f"docker.io/library/worker{number}:7" for number in range(10)} < names
    assert "docker.io/library/contested:latest" in names


def test_killed_processes_leave_no_lock_and_no_half_image(store: ImageStore) -> None:
    kept = make_image(store, "kept", layers=[{"shared": b"s" * 5000}])
    for attempt in range(6):
        process = start(store.home, "victim", KILLED_ROUNDS)
        # Not to wait for anything, but to cut the worker off at another point each time.
        time.sleep(0.02 + attempt * 0.013)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert_whole(store)
    for entry in store.list():
        if entry.reference is not None and "kept" not in str(entry):
            store.remove(entry.reference)
    assert store.prune().deferred is None
    assert list(store.layout.temporary.iterdir()) == []
    assert [entry.digest for entry in store.list()] == [kept.digest]
    assert len(list(store.layout.blobs.iterdir())) == 3
    assert_whole(store)
