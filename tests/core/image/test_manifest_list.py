"""Indexes made by hand."""

from __future__ import annotations

import json

import pytest

from sealer.image.oci import OCI_INDEX, Index
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.testing.images import AMD64, make_image
from tests.core.program import Run

ARM64 = Platform(architecture="arm64")


@pytest.fixture
def sealer(sealer: Run, store: ImageStore) -> Run:
    """The program, over a store with an image for each of two platforms."""
    make_image(store, "app:amd64")
    make_image(store, "app:arm64", platform=ARM64)
    return sealer


def listed(sealer: Run, name: str = "app:1") -> dict[str, str]:
    """Return the digests by platform that an index lists."""
    code, out, _ = sealer("manifest", "inspect", name)
    assert code == 0
    document = json.loads(out)
    assert document["mediaType"] == OCI_INDEX
    return {
        "/".join(part for part in entry["platform"].values()): entry["digest"]
        for entry in document["manifests"]
    }


def test_an_index_of_images(sealer: Run, store: ImageStore) -> None:
    amd64, arm64 = (store.resolve(f"app:{name}") for name in ("amd64", "arm64"))
    code, out, _ = sealer("manifest", "create", "app:1", "app:amd64")
    assert (code, out.partition("@")[0]) == (0, "docker.io/library/app:1")
    assert listed(sealer) == {"amd64/linux": amd64.digest}
    assert sealer("manifest", "add", "app:1", "app:arm64")[0] == 0
    assert listed(sealer) == {"amd64/linux": amd64.digest, "arm64/linux": arm64.digest}
    assert store.resolve("app:1", ARM64).digest == arm64.digest
    assert sealer("manifest", "remove", "app:1", amd64.digest)[0] == 0
    assert listed(sealer) == {"arm64/linux": arm64.digest}
    assert sealer("manifest", "delete", "app:1")[0] == 0
    assert {str(entry).rpartition(":")[2] for entry in store.list() if entry.reference} == {"amd64", "arm64"}
    assert store.resolve("app:arm64").layers


def test_an_image_takes_the_place_of_the_one_for_its_platform(sealer: Run, store: ImageStore) -> None:
    sealer("manifest", "create", "app:1", "app:amd64", "app:arm64")
    make_image(store, "app:new", layers=[{"new": b"new"}])
    sealer("manifest", "add", "app:1", "app:new")
    assert listed(sealer)["amd64/linux"] == store.resolve("app:new").digest
    assert len(listed(sealer)) == 2


def test_what_the_index_says_of_an_image_can_be_told(sealer: Run, store: ImageStore) -> None:
    sealer("manifest", "create", "app:1")
    words = ("--arch", "arm", "--variant", "v7", "--annotation", "a=b=c")
    make_image(store, "app:arm", platform=Platform(architecture="arm"))
    assert sealer("manifest", "add", *words, "app:1", "app:arm")[0] == 0
    (entry,) = json.loads(sealer("manifest", "inspect", "app:1")[1])["manifests"]
    assert entry["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}
    assert entry["annotations"] == {"a": "b=c"}


def test_an_index_is_added_for_this_machine_or_for_all(sealer: Run, store: ImageStore) -> None:
    children = tuple(make_image(store, None, platform=platform) for platform in (AMD64, ARM64))
    store.put_index("many:1", Index(manifests=children))
    sealer("manifest", "create", "one:1")
    sealer("manifest", "add", "one:1", "many:1")
    assert len(listed(sealer, "one:1")) == 1
    sealer("manifest", "add", "--all", "one:1", "many:1")
    assert len(listed(sealer, "one:1")) == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("create", "app:amd64"), 1, "app:amd64 exists"),
        (("create", "x:1", "nothing:1"), 1, "no image nothing:1"),
        (("add", "app:amd64", "app:arm64"), 1, "is one image, not an index"),
        (("inspect", "app:amd64"), 1, "is one image, not an index"),
        (("delete", "app:amd64"), 1, "is one image, not an index"),
        (("remove", "list:1", "sha256:" + "0" * 64), 1, "does not list"),
        (("add", "--os", "linux", "list:1", "app:amd64"), 2, "--arch"),
        (("add", "--annotation", "x", "list:1", "app:amd64"), 2, "NAME=VALUE"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    sealer: Run, store: ImageStore, words: tuple[str, ...], code: int, message: str
) -> None:
    sealer("manifest", "create", "list:1", "app:amd64")
    before = store.layout.index.read_bytes()
    found, _, said = sealer("manifest", *words)
    assert (found, message in said) == (code, True)
    assert store.layout.index.read_bytes() == before
