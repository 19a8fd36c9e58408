"""What of container images is fetched, packed and written once: by caches, parents and shared layers."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from sealer.build.prune import prune
from sealer.errors import ImageError, TransportError, VerificationError
from sealer.image.extension import LAYER_CONTENT
from sealer.testing.images import make_image

from .helpers import Workshop, files
from .supplier import Supplier, build, fetched, packed_blobs


def test_a_second_build_fetches_nothing(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("app:1", b"x" * 100_000, b"y")
    workshop.put({"imageList": supplier.name("app:1")})
    first = build(workshop, "FROM scratch", "COPY imageList manifests/")
    assert fetched(supplier.registry)
    supplier.registry.stop()
    supplier.registry.start()
    second = build(workshop, "FROM scratch", "COPY imageList manifests/", name="other:1")
    assert fetched(supplier.registry) == []
    assert second.digest == first.digest


def test_a_new_version_fetches_what_is_new(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("app:1", b"base" * 10_000, b"one")
    workshop.put({"imageList": supplier.name("app:1")})
    build(workshop, "FROM scratch", "COPY imageList manifests/")
    supplier.push("app:2", b"base" * 10_000, b"two")
    supplier.registry.stop()
    supplier.registry.start()
    workshop.put({"imageList": supplier.name("app:2")})
    build(workshop, "FROM scratch", "COPY imageList manifests/")
    assert len(set(fetched(supplier.registry))) == 2  # its config and its upper layer


def test_a_digest_that_the_cache_has_needs_no_registry(workshop: Workshop, supplier: Supplier) -> None:
    digest = supplier.push("app:1", b"x")
    workshop.put({"imageList": supplier.name(f"app@{digest}")})
    first = build(workshop, "FROM scratch", "COPY imageList manifests/")
    supplier.registry.stop()
    assert build(workshop, "FROM scratch", "COPY imageList manifests/").digest == first.digest


def test_a_damaged_blob_of_the_cache_is_found_and_fetched_anew(
    workshop: Workshop, supplier: Supplier
) -> None:
    supplier.push("app:1", b"x" * 1000)
    workshop.put({"imageList": supplier.name("app:1")})
    first = build(workshop, "FROM scratch", "COPY imageList manifests/")
    cache = workshop.store.home / "cache/container-images/blobs/sha256"
    layer = json.loads(supplier.manifest("app:1"))["layers"][0]
    path = cache / layer["digest"].removeprefix("sha256:")
    path.write_bytes(bytes(layer["size"]))
    with pytest.raises(VerificationError, match="in the cache of container images is damaged"):
        build(workshop, "FROM scratch", "COPY imageList manifests/", name="again:1", cached=False)
    assert build(workshop, "FROM scratch", "COPY imageList manifests/", cached=False).digest == first.digest


def test_large_blobs_have_layers_that_any_build_shares(workshop: Workshop, supplier: Supplier) -> None:
    shared, one, two = (os.urandom(1 << 21) for _ in range(3))
    supplier.push("app:1", shared, one)
    supplier.push("app:2", shared, two, docker=True)
    supplier.push("app:3", b"small")
    workshop.put({"all": "\n".join(supplier.name(f"app:{n}") for n in (1, 2, 3))})
    workshop.put({"second": supplier.name("app:2")})
    image = build(workshop, "FROM scratch", "COPY all manifests/imageList")
    alone = build(workshop, "FROM scratch", "COPY second manifests/imageList", name="alone:1")
    layers = {layer.digest for layer in image.layers if layer.annotations[LAYER_CONTENT] == "registry"}
    # Three large blobs, and for each image what is left of it.
    assert len(layers) == 3 + 3
    assert len(layers & {layer.digest for layer in alone.layers}) == 2 + 1
    blobs = packed_blobs(files(workshop.store, image))
    assert all(digest == f"sha256:{hashlib.sha256(data).hexdigest()}" for digest, data in blobs.items())
    assert len(blobs) == 3 + 1 + 3 * 2
    workshop.store.remove("test:1")
    assert (
        build(workshop, "FROM scratch", "COPY all manifests/imageList", cached=False).digest == image.digest
    )


def test_when_one_image_fails_the_layers_of_others_are_given_up(
    workshop: Workshop, supplier: Supplier
) -> None:
    supplier.push("app:1", os.urandom(1 << 21))
    workshop.put({"imageList": f"{supplier.name('app:1')}\n{supplier.name('missing:1')}"})
    with pytest.raises(TransportError, match="missing:1"):
        build(workshop, "FROM scratch", "COPY imageList manifests/")
    assert workshop.store.list() == ()
    assert list(workshop.store.layout.temporary.iterdir()) == []
    assert prune(workshop.store, fetched=True).deferred is None
    assert list(workshop.store.layout.blobs.iterdir()) == []


def test_blobs_that_the_parent_holds_are_not_packed_again(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("app:1", b"shared", b"one")
    supplier.push("app:2", b"shared", b"two")
    one, two = supplier.name("app:1"), supplier.name("app:2")
    workshop.put({"one": one, "two": f"{one}\n{two}"})
    parent = build(workshop, "FROM scratch", "COPY one manifests/imageList", name="base:1")
    child = build(workshop, "FROM base:1", "COPY two manifests/imageList")
    assert [item.image for item in child.metadata.container_images] == [one, two]
    held = packed_blobs(files(workshop.store, parent)).keys()
    new = packed_blobs(files(workshop.store, child)).keys() - held
    manifest = json.loads(supplier.manifest("app:2"))
    assert len(child.layers) == len(parent.layers) + 2
    assert manifest["layers"][0]["digest"] in held
    assert manifest["layers"][1]["digest"] in new
    assert len(new) == 3


def test_blobs_of_a_parent_whose_layers_are_not_marked_are_found_too(
    workshop: Workshop, supplier: Supplier
) -> None:
    supplier.push("app:1", b"one")
    workshop.put({"imageList": supplier.name("app:1")})
    tree = files(workshop.store, build(workshop, "FROM scratch", "COPY imageList manifests/"))
    make_image(workshop.store, "base:1", layers=[tree])
    child = build(workshop, "FROM base:1", "COPY imageList manifests/")
    assert [layer.annotations[LAYER_CONTENT] for layer in child.layers[1:]] == ["rootfs"]


def test_a_cache_that_can_not_be_written_is_told(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("app:1", b"x")
    workshop.put({"imageList": supplier.name("app:1")})
    workshop.store.home.mkdir()
    (workshop.store.home / "cache").write_text("a file in the way")
    with pytest.raises(ImageError, match="the build can't keep its files: Not a directory"):
        build(workshop, "FROM scratch", "COPY imageList manifests/")
