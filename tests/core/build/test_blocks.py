"""Layers on their way into the store."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealer.build.blocks import BLOCK, LayerWriter
from sealer.errors import ImageError
from sealer.image.extension import LAYER_SIZE
from sealer.image.store import ImageStore

CONTENT = random.Random(1).randbytes(BLOCK + 12345) + b"text " * BLOCK


def write(store: ImageStore, pieces: list[bytes], *, compress: bool = True) -> tuple[str, str]:
    with LayerWriter(store, compress=compress) as layer:
        for piece in pieces:
            layer.write(piece)
        written = layer.commit("test", {})
    return written.descriptor.digest, written.diff_id


def cut(content: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(content[start : start + size])
        start += size
    return [*pieces, content[start:]]


@pytest.mark.parametrize("compress", [True, False])
def test_digests_are_those_of_the_content(store: ImageStore, compress: bool) -> None:
    digest, diff = write(store, [CONTENT], compress=compress)
    blob = store.verified_blob(digest).read_bytes()
    assert (gzip.decompress(blob) if compress else blob) == CONTENT
    assert diff == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.mark.parametrize("compress", [True, False])
def test_a_layer_says_how_large_it_is_unpacked(store: ImageStore, compress: bool) -> None:
    with LayerWriter(store, compress=compress) as layer:
        layer.write(CONTENT)
        written = layer.commit("test", {"other": "note"})
    assert written.descriptor.annotations == {"other": "note", LAYER_SIZE: str(len(CONTENT))}


def test_how_content_is_cut_when_it_is_written_does_not_matter(store: ImageStore, tmp_path: Path) -> None:
    whole = write(store, [CONTENT])
    for sizes in ([1, BLOCK - 1, BLOCK], [BLOCK + 1, 7, 0, 3 * BLOCK], [12345] * 100):
        assert write(store, cut(CONTENT, sizes)) == whole
    (tmp_path / "file").write_bytes(CONTENT[100:])
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        with LayerWriter(store, compress=True) as layer:
            layer.write(CONTENT[:100])
            assert layer.write_file(descriptor, len(CONTENT)) == len(CONTENT) - 100
            written = layer.commit("test", {})
    finally:
        os.close(descriptor)
    assert (written.descriptor.digest, written.diff_id) == whole


def test_an_empty_layer(store: ImageStore) -> None:
    digest, diff = write(store, [])
    assert gzip.decompress(store.verified_blob(digest).read_bytes()) == b""
    assert diff == f"sha256:{hashlib.sha256().hexdigest()}"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_left(store: ImageStore) -> None:
    store.layout.create()
    threads = threading.active_count()
    noise = random.Random(2).randbytes(8 * BLOCK)
    with largest_file(2 * BLOCK), pytest.raises(ImageError, match="File too large"):
        write(store, [noise])
    assert list(store.layout.temporary.iterdir()) == []
    assert list(store.layout.blobs.iterdir()) == []
    assert threading.active_count() == threads


def test_a_layer_that_is_given_up_leaves_nothing(store: ImageStore) -> None:
    threads = threading.active_count()

    def give_up() -> None:
        with LayerWriter(store, compress=True) as layer:
            layer.write(CONTENT)
            raise KeyError

    with pytest.raises(KeyError):
        give_up()
    assert list(store.layout.temporary.iterdir()) == []
    assert list(store.layout.blobs.iterdir()) == []
    assert threading.active_count() == threads
