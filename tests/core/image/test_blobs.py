"""A blob is what its digest says, or nobody gets to use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sealer.errors import ImageError, VerificationError
from sealer.image.digest import digest_of
from sealer.image.store import ImageStore

LARGE = os.urandom(3 << 20)


def put(store: ImageStore, data: bytes) -> str:
    return store.put_blob(data, "m").digest


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def files(store: ImageStore) -> list[Path]:
    return [path for path in store.layout.root.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("data", [b"", b"x", LARGE], ids=["empty", "small", "large"])
def test_what_was_written_is_read(store: ImageStore, data: bytes) -> None:
    with store.writer() as writer:
        for start in range(0, len(data), 100_000):
            writer.write(data[start : start + 100_000])
        descriptor = writer.commit("m", annotations={"a": "b"})
    assert (descriptor.digest, descriptor.size, descriptor.media_type) == (digest_of(data), len(data), "m")
    assert descriptor.annotations == {"a": "b"}
    with store.open_blob(descriptor.digest) as reader:
        assert reader.read() == data
    assert store.read_blob(descriptor.digest) == data
    assert store.verified_blob(descriptor.digest).read_bytes() == data


@pytest.mark.parametrize("position", [0, len(LARGE) // 2, -1])
def test_the_last_bytes_of_a_damaged_blob_are_never_given(store: ImageStore, position: int) -> None:
    digest = put(store, LARGE)
    flip(store.blob_path(digest), position)
    got: list[bytes] = []
    with store.open_blob(digest) as reader, pytest.raises(VerificationError, match=digest) as caught:
        got.extend(iter(lambda: reader.read(1 << 16), b""))
    assert sum(map(len, got)) < len(LARGE)
    assert caught.value.exit_code == 4


def test_what_comes_before_the_damage_is_given(store: ImageStore) -> None:
    digest = put(store, LARGE)
    flip(store.blob_path(digest), -1)
    with store.open_blob(digest) as reader:
        assert reader.read(1 << 20) == LARGE[: 1 << 20]


def test_a_damaged_blob_has_no_verified_path_and_no_content(store: ImageStore) -> None:
    digest = put(store, b"content")
    flip(store.blob_path(digest), 3)
    with pytest.raises(VerificationError, match=digest):
        store.verified_blob(digest)
    with pytest.raises(VerificationError, match=digest):
        store.read_blob(digest)


@pytest.mark.parametrize("data", [b"", b"cont", b"content and more"])
def test_a_blob_of_another_length_is_damaged(store: ImageStore, data: bytes) -> None:
    digest = put(store, b"content")
    store.blob_path(digest).write_bytes(data)
    with pytest.raises(VerificationError, match=digest):
        store.read_blob(digest)


def test_damage_after_the_first_verification_is_found(store: ImageStore) -> None:
    digest = put(store, LARGE)
    path = store.verified_blob(digest)
    assert store.verified_blob(digest) == path
    flip(path, 5)
    with pytest.raises(VerificationError, match=digest):
        store.verified_blob(digest)


def test_writing_a_blob_again_mends_it(store: ImageStore) -> None:
    digest = put(store, b"content")
    flip(store.blob_path(digest), 0)
    put(store, b"content")
    assert store.read_blob(digest) == b"content"


def test_a_blob_that_is_not_there_is_named(store: ImageStore) -> None:
    digest = digest_of(b"nothing")
    with pytest.raises(ImageError, match=f"{digest} is not in the local store"):
        store.open_blob(digest)


def test_a_digest_is_never_a_path_out_of_the_store(store: ImageStore) -> None:
    with pytest.raises(ImageError, match="is not a sha256 digest"):
        store.read_blob("sha256:../../../../etc/passwd")


def test_a_writer_that_is_left_without_commit_leaves_nothing(store: ImageStore) -> None:
    with store.writer() as writer:
        writer.write(b"half")
    with suppress(RuntimeError), store.writer() as writer:
        writer.write(b"half")
        raise RuntimeError
    assert files(store) == [store.layout.marker]


def test_a_store_that_can_not_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ImageError, match="the local store can't be used") as caught:
        put(ImageStore(tmp_path / "home"), b"")
    assert str(tmp_path / "home") in str(caught.value.place)


def test_a_process_killed_while_it_writes_leaves_the_store_valid(store: ImageStore) -> None:
    digest = put(store, b"before")
    script = f"""
import os, pathlib, sys
from sealer.image.store import ImageStore
with ImageStore(pathlib.Path({str(store.home)!r})).writer() as writer:
    writer.write(os.urandom(100_000))
    print("writing", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert store.read_blob(digest) == b"before"
    assert [path.name for path in store.layout.blobs.iterdir()] == [digest.removeprefix("sha256:")]
    assert len(list(store.layout.temporary.iterdir())) == 1
    store.prune()
    assert files(store) == [store.layout.marker]
