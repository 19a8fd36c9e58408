"""Images saved as directories, as docker's archives, and as parts; and loaded from what others write."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import tarfile
from pathlib import Path

import pytest

from sealer.cli.program import run
from sealer.errors import ImageError, TransportError, UsageError, VerificationError
from sealer.image.load import load
from sealer.image.oci import Index
from sealer.image.save import SaveFormat, save
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.testing.images import AMD64, make_image

ARM64 = Platform(architecture="arm64")
LAYERS = [{"a": b"a" * 3000}, {"b": random.Random(1).randbytes(50_000)}]


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "other")


def content(store: ImageStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.layout.blobs.iterdir()}


def assert_untouched(store: ImageStore) -> None:
    assert store.list() == ()
    if store.layout.blobs.exists():
        assert list(store.layout.blobs.iterdir()) == []
        assert list(store.layout.temporary.iterdir()) == []


def test_a_directory_comes_back(store: ImageStore, other: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app:1", layers=LAYERS)
    save(store, ["app:1"], tmp_path / "layout", form=SaveFormat.OCI_DIRECTORY)
    assert json.loads((tmp_path / "layout/oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = load(other, tmp_path / "layout")
    assert str(entry) == "docker.io/library/app:1"
    assert content(other) == content(store)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_directory_with_something_in_it_is_left_alone(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app:1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    with pytest.raises(TransportError, match="not empty"):
        save(store, ["app:1"], tmp_path / "mine", form=SaveFormat.OCI_DIRECTORY)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_a_directory_with_a_damaged_or_missing_blob_changes_nothing(
    store: ImageStore, other: ImageStore, tmp_path: Path
) -> None:
    make_image(store, "app:1", layers=LAYERS)
    save(store, ["app:1"], tmp_path / "layout", form=SaveFormat.OCI_DIRECTORY)
    digest = store.resolve("app:1").layers[1].digest
    blob = tmp_path / "layout/blobs/sha256" / digest[7:]
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + b"?")
    with pytest.raises(VerificationError, match=digest):
        load(other, tmp_path / "layout")
    assert_untouched(other)
    blob.unlink()
    with pytest.raises(ImageError, match=f"{digest} is missing"):
        load(other, tmp_path / "layout")
    assert_untouched(other)
    with pytest.raises(TransportError, match="no OCI layout"):
        load(other, tmp_path / "layout/blobs")


def test_an_archive_for_docker_keeps_what_makes_it_an_image_of_ours(
    store: ImageStore, other: ImageStore, tmp_path: Path
) -> None:
    children = tuple(make_image(store, None, platform=platform, layers=LAYERS) for platform in (AMD64, ARM64))
    store.put_index("app:1", Index(manifests=children))
    save(store, ["app:1"], tmp_path / "app.tar", form=SaveFormat.DOCKER_ARCHIVE, platform=ARM64)
    with tarfile.open(tmp_path / "app.tar") as archive:
        file = archive.extractfile("manifest.json")
        assert file is not None
        (listed,) = json.load(file)
    assert listed["RepoTags"] == ["app:1"]
    load(other, tmp_path / "app.tar")
    assert other.resolve("app:1").digest == children[1].digest
    assert other.resolve("app:1").extension == store.resolve("app:1", ARM64).extension


def docker_archive(path: Path, *, compress: bool = False, links: bool = False, damaged: bool = False) -> None:
    """Write what an older ``docker save`` writes: no digests, and links between equal layers."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        entry = tarfile.TarInfo("etc/hello")
        entry.size = 5
        layer.addfile(entry, io.BytesIO(b"hello"))
    data = buffer.getvalue()
    diff = f"sha256:{hashlib.sha256(data).hexdigest()}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": [diff, diff]},
    }
    if damaged:
        data = data.replace(b"hello", b"jello")
    stored = gzip.compress(data) if compress else data
    names = ["one/layer.tar", "two/layer.tar"]
    manifest = [{"Config": "c.json", "RepoTags": ["team/app:1", "team/app:2"], "Layers": names}]
    with tarfile.open(path, "w") as archive:

        def add(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

        add(names[0], stored)
        if links:
            link = tarfile.TarInfo(names[1])
            link.type = tarfile.SYMTYPE
            link.linkname = "../one/layer.tar"
            archive.addfile(link)
        else:
            add(names[1], stored)
        add("c.json", json.dumps(config).encode())
        add("manifest.json", json.dumps(manifest).encode())


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("links", [False, True])
def test_an_archive_of_docker_is_loaded(
    other: ImageStore, tmp_path: Path, compress: bool, links: bool
) -> None:
    docker_archive(tmp_path / "app.tar", compress=compress, links=links)
    entries = load(other, tmp_path / "app.tar")
    assert [str(entry) for entry in entries] == ["docker.io/team/app:1", "docker.io/team/app:2"]
    image = other.resolve("team/app:1")
    assert image.labels == {"a": "b"}
    for layer in image.layers:
        assert layer.media_type.endswith("gzip") is compress
        with tarfile.open(other.verified_blob(layer.digest)) as archive:
            assert archive.getnames() == ["etc/hello"]
    assert list(other.layout.temporary.iterdir()) == []


@pytest.mark.parametrize("compress", [False, True])
def test_a_layer_of_docker_that_is_not_what_the_config_says_is_refused(
    other: ImageStore, tmp_path: Path, compress: bool
) -> None:
    docker_archive(tmp_path / "app.tar", compress=compress, damaged=True)
    with pytest.raises(VerificationError, match=r"layer sha256:\w+ is damaged"):
        load(other, tmp_path / "app.tar")
    assert_untouched(other)


@pytest.mark.parametrize("compress", [False, True])
def test_an_archive_of_docker_that_is_cut_off_is_refused(
    other: ImageStore, tmp_path: Path, compress: bool
) -> None:
    docker_archive(tmp_path / "whole.tar", compress=compress)
    with tarfile.open(tmp_path / "whole.tar") as archive:
        end = archive.getmembers()[-1].offset_data + 1
    data = (tmp_path / "whole.tar").read_bytes()
    for position in range(0, end, 97):
        (tmp_path / "cut.tar").write_bytes(data[:position])
        with pytest.raises(ImageError):
            load(other, tmp_path / "cut.tar")
        assert_untouched(other)


def parts_of(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.part-*"))


@pytest.fixture
def split(store: ImageStore, tmp_path: Path) -> Path:
    """A directory with the parts of a saved image, and their index."""
    make_image(store, "app:1", layers=LAYERS)
    directory = tmp_path / "media"
    directory.mkdir()
    save(store, ["app:1"], directory / "app.tar", maximum_part=10_000)
    return directory


def test_parts_are_pieces_of_the_file(store: ImageStore, split: Path, tmp_path: Path) -> None:
    save(store, ["app:1"], tmp_path / "whole.tar")
    parts = parts_of(split)
    assert len(parts) > 5
    assert all(part.stat().st_size <= 10_000 for part in parts)
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "whole.tar").read_bytes()
    assert {path.name for path in split.iterdir()} == {"app.tar.parts", *(part.name for part in parts)}


@pytest.mark.parametrize("given", ["index", "part", "shuffled", "renamed"])
def test_parts_are_joined_from_any_order(
    store: ImageStore, other: ImageStore, split: Path, tmp_path: Path, given: str
) -> None:
    index = split / "app.tar.parts"
    inputs = {"index": [index], "part": [parts_of(split)[3]]}.get(given, [])
    if not inputs:
        inputs = parts_of(split)
        random.Random(7).shuffle(inputs)
    if given == "renamed":
        (tmp_path / "elsewhere").mkdir()
        inputs = [part.rename(tmp_path / "elsewhere" / f"{n}.bin") for n, part in enumerate(inputs)]
        inputs.insert(2, index.rename(tmp_path / "list"))
    (entry,) = load(other, *inputs)
    assert str(entry) == "docker.io/library/app:1"
    assert content(other) == content(store)


def test_a_part_that_is_damaged_is_named_and_nothing_is_taken_over(other: ImageStore, split: Path) -> None:
    for part in parts_of(split):
        data = part.read_bytes()
        part.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        with pytest.raises(ImageError) as caught:
            load(other, split / "app.tar.parts")
        assert isinstance(caught.value, VerificationError)
        assert part.name in caught.value.message
        assert_untouched(other)
        part.write_bytes(data)


def test_a_part_that_is_missing_or_short_is_named(other: ImageStore, split: Path) -> None:
    part = parts_of(split)[2]
    data = part.read_bytes()
    part.write_bytes(data[:-1])
    with pytest.raises(ImageError, match=f"{part.name} has 9999 bytes, not 10000"):
        load(other, *parts_of(split))
    part.unlink()
    with pytest.raises(ImageError, match=f"{part.name} is missing"):
        load(other, split / "app.tar.parts")
    (split / "app.tar.parts").unlink()
    with pytest.raises(TransportError, match="index of the parts can't be read"):
        load(other, parts_of(split)[0])
    with pytest.raises(TransportError, match="can only be the parts of one"):
        load(other, split / "x", split / "y")
    assert_untouched(other)


def test_parts_of_an_earlier_time_are_replaced(store: ImageStore, other: ImageStore, split: Path) -> None:
    save(store, ["app:1"], split / "app.tar", maximum_part=30_000)
    assert len(parts_of(split)) == 3
    load(other, split / "app.tar.parts")
    assert content(other) == content(store)


def test_parts_that_can_not_be_completed_leave_the_old_ones(store: ImageStore, split: Path) -> None:
    before = {path.name: path.read_bytes() for path in split.iterdir()}
    blob = store.blob_path(store.resolve("app:1").layers[1].digest)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(VerificationError):
        save(store, ["app:1"], split / "app.tar", maximum_part=9_000)
    assert {path.name: path.read_bytes() for path in split.iterdir()} == before


def test_parts_that_would_be_far_too_many_are_refused(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app:1", layers=[{"a": os.urandom(20_000)}])
    with pytest.raises(ImageError, match="parts of 1 bytes would be more than 9999") as caught:
        save(store, ["app:1"], tmp_path / "app.tar", maximum_part=1)
    assert caught.value.hint == "choose a larger --max-part-size"
    assert list(tmp_path.glob("*app.tar*")) == []


def test_a_directory_has_no_parts(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app:1")
    with pytest.raises(UsageError, match="not cut into parts"):
        save(store, ["app:1"], tmp_path / "x", form=SaveFormat.OCI_DIRECTORY, maximum_part=5)


def test_the_command_line(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(store, "app:1", layers=[{"x": os.urandom(30_000)}])
    monkeypatch.setenv("SEALER_HOME", str(store.home))
    file = tmp_path / "app.tar"
    assert run(("save", "-q", "--max-part-size", "10kB", "-o", str(file), "app:1")) == 0
    assert len(parts_of(tmp_path)) == 5
    inputs = [word for part in reversed(parts_of(tmp_path)) for word in ("-i", str(part))]
    monkeypatch.setenv("SEALER_HOME", str(tmp_path / "other"))
    assert run(("load", "-q", *inputs)) == 0
    assert capsys.readouterr().out == "docker.io/library/app:1\n"
    for size in ("10 lumps", "0", "-1", "I", "4X"):
        assert run(("save", "-q", "--max-part-size", size, "-o", str(file), "app:1")) == 2
