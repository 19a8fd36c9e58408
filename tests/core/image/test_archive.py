"""Images as one file: what is saved is loaded, and what was tampered with is not."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealer.errors import ImageError, TransportError, VerificationError
from sealer.events import Event, TransferProgress
from sealer.image.load import load
from sealer.image.oci import REF_NAME, Index
from sealer.image.save import save
from sealer.image.store import ImageStore
from sealer.image.tar_bounds import LEAST, RATIO
from sealer.model import Platform
from sealer.testing.images import make_image

LAYERS = [{"a": b"a" * 3000}, {"b": bytes(range(256)) * 300}]


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "other")


@pytest.fixture
def archive(store: ImageStore, tmp_path: Path) -> Path:
    make_image(store, "app:1", layers=LAYERS)
    save(store, ["app:1"], tmp_path / "app.tar")
    return tmp_path / "app.tar"


def content(store: ImageStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.layout.blobs.iterdir()}


def rewritten(archive: Path, change: dict[str, bytes | tarfile.TarInfo | None], *, mode: str = "w") -> Path:
    """Return a copy of an archive in which entries are replaced, added, or left out (None)."""
    copy = archive.with_name("rewritten.tar")
    with tarfile.open(archive) as source, tarfile.open(copy, mode) as target:  # type: ignore[call-overload]
        for entry in source:
            if entry.name not in change:
                target.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
        for name, new in change.items():
            if isinstance(new, tarfile.TarInfo):
                target.addfile(new)
            elif new is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(new)
                target.addfile(entry, io.BytesIO(new))
    return copy


def blob_entry(store: ImageStore, layer: int) -> str:
    return f"blobs/sha256/{store.resolve('app:1').layers[layer].digest[7:]}"


def assert_untouched(store: ImageStore) -> None:
    assert store.list() == ()
    if store.layout.blobs.exists():
        assert list(store.layout.blobs.iterdir()) == []
        assert list(store.layout.temporary.iterdir()) == []


def test_what_was_saved_is_loaded(store: ImageStore, other: ImageStore, archive: Path) -> None:
    (entry,) = load(other, archive)
    assert str(entry) == "docker.io/library/app:1"
    assert other.resolve("app:1").digest == store.resolve("app:1").digest
    assert content(other) == content(store)
    assert list(other.layout.temporary.iterdir()) == []


def test_the_same_images_give_the_same_bytes(store: ImageStore, tmp_path: Path) -> None:
    files = []
    for home in ("one", "two"):
        one = ImageStore(tmp_path / home)
        make_image(one, "unrelated", layers=[{home: b""}])
        make_image(one, "app:1", layers=LAYERS)
        save(one, ["app:1"], tmp_path / f"{home}.tar")
        files.append((tmp_path / f"{home}.tar").read_bytes())
    assert files[0] == files[1]


def test_several_images_share_blobs_in_one_file(store: ImageStore, other: ImageStore, tmp_path: Path) -> None:
    make_image(store, "one", layers=LAYERS)
    make_image(store, "two", layers=[*LAYERS, {"c": b""}])
    save(store, ["two", "one"], tmp_path / "both.tar")
    with tarfile.open(tmp_path / "both.tar") as file:
        names = file.getnames()
    assert len(names) == len(set(names)) == 4 + 2 * 2 + 3
    assert [str(entry) for entry in load(other, tmp_path / "both.tar")] == [
        "docker.io/library/two:latest",
        "docker.io/library/one:latest",
    ]
    assert content(other) == content(store)


def test_platforms_that_are_not_there_are_left_out(
    store: ImageStore, other: ImageStore, tmp_path: Path
) -> None:
    arm64 = Platform(architecture="arm64")
    absent = make_image(ImageStore(tmp_path / "elsewhere"), None, platform=arm64)
    store.put_index("multi", Index(manifests=(absent, make_image(store, None))), partial=True)
    save(store, ["multi"], tmp_path / "multi.tar")
    load(other, tmp_path / "multi.tar")
    assert content(other) == content(store)
    assert other.find("multi").digest == store.find("multi").digest


def test_a_manifest_of_docker_keeps_its_bytes(store: ImageStore, other: ImageStore, tmp_path: Path) -> None:
    descriptor = make_image(store, "app", docker=True)
    save(store, ["app"], tmp_path / "app.tar")
    (entry,) = load(other, tmp_path / "app.tar")
    assert (entry.digest, entry.descriptor.media_type) == (descriptor.digest, descriptor.media_type)


def test_an_image_without_a_name_is_found_by_its_digest(
    store: ImageStore, other: ImageStore, tmp_path: Path
) -> None:
    digest = make_image(store, "app").digest
    save(store, [digest[7:20], f"app@{digest}"], tmp_path / "app.tar")
    with tarfile.open(tmp_path / "app.tar") as file:
        index = json.loads(file.extractfile("index.json").read())  # type: ignore[union-attr]
    assert index["manifests"][1].get("annotations") is None
    index["manifests"][0]["annotations"] = {REF_NAME: "v1"}
    (entry, _) = load(other, rewritten(tmp_path / "app.tar", {"index.json": json.dumps(index).encode()}))
    assert str(entry) == digest
    assert other.resolve(digest).digest == digest


def test_the_only_image_can_be_given_another_name(other: ImageStore, archive: Path) -> None:
    (entry,) = load(other, archive, name="renamed:2")
    assert [str(name) for name in other.list()] == [str(entry)] == ["docker.io/library/renamed:2"]


def test_a_compressed_archive_is_loaded(other: ImageStore, archive: Path) -> None:
    compressed = archive.with_suffix(".tar.gz")
    compressed.write_bytes(gzip.compress(archive.read_bytes()))
    assert len(load(other, compressed)) == 1


def test_saving_and_loading_tell_how_far_they_are(
    store: ImageStore, other: ImageStore, tmp_path: Path
) -> None:
    make_image(store, "app", layers=LAYERS)
    events: list[Event] = []
    save(store, ["app"], tmp_path / "app.tar", sink=events.append)
    load(other, tmp_path / "app.tar", sink=events.append)
    progress = [(event.moved, event.total) for event in events if isinstance(event, TransferProgress)]
    assert len(progress) == len(events) > 4
    assert all(0 < moved <= total for moved, total in progress)
    assert progress[3][0] == progress[3][1]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_an_archive_cut_off_anywhere_changes_nothing(
    store: ImageStore, other: ImageStore, archive: Path, fraction: float
) -> None:
    with tarfile.open(archive) as file:
        end = max(entry.offset_data + entry.size for entry in file)
    cut = archive.with_name("cut.tar")
    cut.write_bytes(archive.read_bytes()[: int(end * fraction)])
    with pytest.raises(ImageError) as caught:
        load(other, cut)
    assert str(caught.value.place) == str(cut)
    assert_untouched(other)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_flipped_anywhere_in_a_blob_is_found(
    store: ImageStore, other: ImageStore, archive: Path, fraction: float, bit: int
) -> None:
    with tarfile.open(archive) as file:
        blobs = [entry for entry in file if entry.isreg() and entry.name.startswith("blobs/")]
    positions = [
        position for blob in blobs for position in range(blob.offset_data, blob.offset_data + blob.size)
    ]
    data = bytearray(archive.read_bytes())
    position = positions[int(len(positions) * fraction)]
    data[position] ^= 1 << bit
    flipped = archive.with_name("flipped.tar")
    flipped.write_bytes(data)
    (name,) = [blob.name for blob in blobs if blob.offset_data <= position < blob.offset_data + blob.size]
    with pytest.raises(VerificationError, match=name.rpartition("/")[2]) as caught:
        load(other, flipped)
    assert caught.value.hint == "get the file again; nothing of it was taken over"
    assert_untouched(other)


def test_a_blob_that_is_left_out_is_named(store: ImageStore, other: ImageStore, archive: Path) -> None:
    name = blob_entry(store, 1)
    with pytest.raises(ImageError, match=f"blob sha256:{name.rpartition('/')[2]} is missing"):
        load(other, rewritten(archive, {name: None}))
    assert_untouched(other)


def test_a_blob_of_another_size_than_its_descriptor_says_is_refused(
    store: ImageStore, other: ImageStore, archive: Path
) -> None:
    image = store.resolve("app:1")
    manifest = json.loads(image.manifest.encode())
    manifest["layers"][0]["size"] += 1
    data = json.dumps(manifest).encode()
    digest = hashlib.sha256(data).hexdigest()
    root = {"mediaType": manifest["mediaType"], "digest": f"sha256:{digest}", "size": len(data)}
    index = json.dumps({"schemaVersion": 2, "manifests": [root]}).encode()
    copy = rewritten(archive, {"index.json": index, f"blobs/sha256/{digest}": data})
    with pytest.raises(VerificationError, match=image.layers[0].digest):
        load(other, copy)
    assert_untouched(other)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "blobs/../../evil"])
def test_an_entry_outside_the_root_is_refused(other: ImageStore, archive: Path, name: str) -> None:
    with pytest.raises(ImageError, match="outside its root"):
        load(other, rewritten(archive, {name: b"evil"}))
    assert_untouched(other)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(other: ImageStore, archive: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("blobs/link")
    entry.type = kind
    entry.linkname = "../../etc/passwd"
    with pytest.raises(ImageError, match="a link or a device: 'blobs/link'"):
        load(other, rewritten(archive, {"blobs/link": entry}))
    assert_untouched(other)


def sparse_header(size: str) -> bytes:
    """Return the header of a sparse file of format 1.0 whose map takes one block."""
    entry = tarfile.TarInfo(f"blobs/sha256/{'0' * 64}")
    entry.size = 512
    version = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    entry.pax_headers = {**version, "GNU.sparse.realsize": size}
    return entry.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize("blocks", [b"", b"x", b"x\n", b"1\nx\n"])
def test_a_malformed_map_of_a_sparse_file_is_told(other: ImageStore, tmp_path: Path, blocks: bytes) -> None:
    path = tmp_path / "sparse.tar"
    path.write_bytes(sparse_header("10") + blocks.ljust(512, b"\0") + bytes(1024))
    with pytest.raises(ImageError, match="damaged or not complete"):
        load(other, path)
    assert_untouched(other)


def test_an_archive_that_is_made_to_fill_disks_is_refused(other: ImageStore, tmp_path: Path) -> None:
    """Compressed zeros are a bomb; what a sparse file claims to hold costs its maker nothing either."""
    bomb = tmp_path / "bomb.tar.gz"
    entry = tarfile.TarInfo(f"blobs/sha256/{'0' * 64}")
    entry.size = 2 << 30
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(entry.tobuf())
        file.write(bytes(1 << 20))
    assert 1 << 30 < LEAST + RATIO * bomb.stat().st_size < entry.size
    sparse = tmp_path / "sparse.tar"
    sparse.write_bytes(sparse_header(str(1 << 60)) + b"0\n".ljust(512, b"\0") + bytes(1024))
    for path in (bomb, sparse):
        with pytest.raises(ImageError, match="the archive comes to more than") as caught:
            load(other, path)
        assert caught.value.place == str(path)
        assert_untouched(other)


@pytest.mark.parametrize("opened", [gzip.open, bz2.open, lzma.open], ids=["gzip", "bzip2", "xz"])
def test_what_is_compressed_to_nothing_takes_no_memory(
    other: ImageStore, tmp_path: Path, opened: Callable[..., IO[bytes]]
) -> None:
    path = tmp_path / "zeros.tar"
    entry = tarfile.TarInfo(f"blobs/sha256/{'0' * 64}")
    entry.size = 64 << 20
    with opened(path, "wb") as file:
        file.write(entry.tobuf())
        file.write(bytes(entry.size + 1024))
    tracemalloc.start()
    with pytest.raises(VerificationError):
        load(other, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_refused(
    other: ImageStore, tmp_path: Path, kind: bytes
) -> None:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, 1 << 40
    path = tmp_path / "a.tar"
    path.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(ImageError, match="a header claims 1099511627776 bytes"):
        load(other, path)
    assert_untouched(other)


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ({"manifest.json": b"[]"}, "lists no image"),
        ({"Metadata": b"name"}, "load each of the archives"),
        ({"readme": b""}, "it has no index.json"),
    ],
)
def test_an_archive_of_another_kind_is_refused_with_advice(
    other: ImageStore, tmp_path: Path, files: dict[str, bytes], advice: str
) -> None:
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(ImageError, match=advice):
        load(other, rewritten(tmp_path / "empty.tar", dict(files)))
    assert_untouched(other)


@pytest.mark.parametrize("data", [b"", b"not an archive at all", b"\x1f\x8b\x08 not gzip"])
def test_a_file_that_is_no_archive_is_refused(other: ImageStore, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ImageError) as caught:
        load(other, tmp_path / "file")
    assert str(caught.value.place) == str(tmp_path / "file")
    assert_untouched(other)


def test_a_file_that_can_not_be_read_is_named(other: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"nothing\.tar: can't be read: No such file"):
        load(other, tmp_path / "nothing.tar")


def test_a_damaged_blob_is_not_saved_and_what_was_there_stays(store: ImageStore, archive: Path) -> None:
    before = archive.read_bytes()
    digest = store.resolve("app:1").layers[1].digest
    path = store.blob_path(digest)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(VerificationError, match=digest):
        save(store, ["app:1"], archive)
    assert archive.read_bytes() == before
    assert [file.name for file in archive.parent.iterdir() if file.is_file()] == ["app.tar"]


def test_a_directory_that_does_not_exist_is_named(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app")
    with pytest.raises(TransportError, match="the archive can't be written: No such file or directory"):
        save(store, ["app"], tmp_path / "nowhere" / "app.tar")
