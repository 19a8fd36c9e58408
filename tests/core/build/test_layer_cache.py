"""What a build takes over from builds before it, and what it writes anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sealer.build import layer_plans
from sealer.build.blocks import LayerDigest, LayerWriter
from sealer.errors import ImageError, VerificationError
from sealer.image.extension import LAYER_SIZE
from sealer.image.stored import StoredImage

from .helpers import Workshop, files

MIB = 1 << 20
LINES = ("FROM scratch", "COPY . data/")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The layers that are written, one entry each; and those that are only read, as ``digest``."""
    found: list[str] = []
    enter, diff = LayerWriter.__enter__, LayerDigest.diff_id

    def entered(self: LayerWriter) -> LayerWriter:
        found.append("layer")
        return enter(self)

    def told(self: LayerDigest) -> str:
        found.append("digest")
        return diff(self)

    monkeypatch.setattr(LayerWriter, "__enter__", entered)
    monkeypatch.setattr(LayerDigest, "diff_id", told)
    return found


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the times of files for what they are, however new the files are."""
    monkeypatch.setattr(layer_plans, "_SETTLED", -(1 << 60))


def large(workshop: Workshop, count: int = 40) -> None:
    workshop.put({f"bin/{number:02}": os.urandom(64) * (MIB // 16) for number in range(count)})


def same(one: StoredImage, other: StoredImage) -> bool:
    return one.digest == other.digest


@pytest.mark.usefixtures("settled")
def test_a_build_of_the_same_writes_no_layer(workshop: Workshop, written: list[str]) -> None:
    workshop.put({"a": "1", "b/c": "2"})
    first = workshop.build(*LINES)
    assert written == ["layer"]
    assert same(workshop.build(*LINES), first)
    assert written == ["layer"]


@pytest.mark.usefixtures("settled")
def test_files_that_were_copied_afresh_are_read_but_not_written(
    workshop: Workshop, written: list[str]
) -> None:
    workshop.put({"a": "1", "b/c": "2"})
    first = workshop.build(*LINES)
    shutil.copytree(workshop.context, workshop.context.parent / "copy")
    again = workshop.build(*LINES, context=workshop.context.parent / "copy")
    assert same(again, first)
    assert written == ["layer", "digest"]


def test_a_file_written_a_moment_ago_is_not_judged_by_its_time(
    workshop: Workshop, written: list[str]
) -> None:
    workshop.put({"a": "1"})
    workshop.build(*LINES)
    before = (workshop.context / "a").stat()
    workshop.put({"a": "2"})
    os.utime(workshop.context / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    again = workshop.build(*LINES)
    assert files(workshop.store, again) == {"data/a": b"2"}
    assert written == ["layer", "digest", "layer"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"other!"),
        lambda path: path.write_bytes(b"longer than before"),
        lambda path: path.chmod(0o755),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("renamed")),
        lambda path: (path.unlink(), path.symlink_to("x")),
        lambda path: path.with_name("new").write_text("new"),
    ],
)
def test_what_changes_is_in_the_image(workshop: Workshop, change: Callable[[Path], object]) -> None:
    workshop.put({"a": "before", "x": "x"})
    first = workshop.build(*LINES)
    change(workshop.context / "a")
    again = workshop.build(*LINES)
    assert not same(again, first)
    assert same(workshop.build(*LINES, cached=False), again)


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_changes_its_own_layer_alone(workshop: Workshop, written: list[str]) -> None:
    large(workshop)
    first = workshop.build(*LINES)
    assert len(first.layers) > 1
    assert sum(int(layer.annotations[LAYER_SIZE]) for layer in first.layers) > 160 * MIB
    assert files(workshop.store, first).keys() == {f"data/bin/{number:02}" for number in range(40)}
    written.clear()
    workshop.put({"bin/07": b"changed"})
    again = workshop.build(*LINES)
    assert written == ["layer"]
    assert len({layer.digest for layer in again.layers} - {layer.digest for layer in first.layers}) == 1
    assert files(workshop.store, again)["data/bin/07"] == b"changed"


@pytest.mark.usefixtures("settled")
def test_where_one_file_of_many_was_edited_nothing_is_read_twice(
    workshop: Workshop, written: list[str]
) -> None:
    workshop.put({f"etc/{number}": f"{number:04}" for number in range(10)})
    workshop.build(*LINES)
    written.clear()
    workshop.put({"etc/7": "edit"})
    assert files(workshop.store, workshop.build(*LINES))["data/etc/7"] == b"edit"
    assert written == ["layer"]


@pytest.mark.usefixtures("settled")
def test_a_build_of_the_same_leaves_every_file_of_the_store_alone(workshop: Workshop) -> None:
    def kept() -> dict[Path, int]:
        return {path: path.stat().st_ino for path in workshop.store.home.rglob("*") if path.is_file()}

    workshop.put({"a": "1", "b/c": "2"})
    workshop.build(*LINES)
    before = kept()
    workshop.build(*LINES)
    assert kept() == before


@pytest.mark.usefixtures("settled")
def test_without_the_cache_all_is_written_and_equal(workshop: Workshop, written: list[str]) -> None:
    large(workshop)
    first = workshop.build(*LINES)
    count = len(written)
    assert same(workshop.build(*LINES, cached=False), first)
    assert written == ["layer"] * 2 * count


@pytest.mark.usefixtures("settled")
def test_a_layer_that_was_removed_from_the_store_is_written_again(workshop: Workshop) -> None:
    workshop.put({"a": "1"})
    first = workshop.build(*LINES)
    workshop.store.remove("test:1")
    assert same(workshop.build(*LINES), first)
    workshop.store.verified_blob(first.layers[0].digest)


@pytest.mark.usefixtures("settled")
def test_a_layer_that_is_damaged_is_mended_without_the_cache(workshop: Workshop) -> None:
    workshop.put({"a": "1"})
    first = workshop.build(*LINES)
    path = workshop.store.blob_path(first.layers[0].digest)
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(VerificationError, match="is damaged") as caught:
        workshop.store.verified_blob(first.layers[0].digest)
    assert "--no-cache" in (caught.value.hint or "")
    assert same(workshop.build(*LINES, cached=False), first)
    workshop.store.verified_blob(first.layers[0].digest)


@pytest.mark.usefixtures("settled")
def test_a_cache_that_is_damaged_or_not_writable_hinders_no_build(workshop: Workshop) -> None:
    workshop.put({"a": "1"})
    first = workshop.build(*LINES)
    cache = workshop.store.home / "cache/layers"
    for entry in cache.iterdir():
        entry.write_bytes(b"{not json")
    assert same(workshop.build(*LINES), first)
    for entry in cache.iterdir():
        entry.write_text('{"digest": 7}')
    assert same(workshop.build(*LINES), first)
    shutil.rmtree(cache)
    cache.write_text("a file where the directory should be")
    assert same(workshop.build(*LINES), first)


def test_a_build_that_would_have_too_many_layers_says_so(workshop: Workshop) -> None:
    workshop.put({"a": "1"})
    with pytest.raises(ImageError, match="more than 125 layers: 0 of its parent, and one for each of 130"):
        workshop.build("FROM scratch", *(f"COPY a {number}/" for number in range(130)))


def test_time_and_owner_are_part_of_what_a_layer_is(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.put({"a": "1"})
    first = workshop.build(*LINES)
    other = workshop.build("FROM scratch", "COPY --chown=5:5 . data/")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    later = workshop.build(*LINES)
    assert len({image.layers[0].digest for image in (first, other, later)}) == 3
