from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.build.container_images import PackedImage
from sealer.build.parent import RegistryContent
from sealer.build.registry_tree import OWN_LAYER, RegistryLayer, registry_layers
from sealer.errors import ImageError
from sealer.image.oci import OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from sealer.image.reference import parse_reference

ROOT = "registry/docker/registry/v2"


def blob(content: str, media_type: str = OCI_LAYER_GZIP, size: int = 10) -> Descriptor:
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    return Descriptor(media_type=media_type, digest=digest, size=size)


def packed(name: str, *layers: str, listed: bool = False, size: int = 10) -> PackedImage:
    manifest = blob(f"manifest {layers}", OCI_MANIFEST)
    return PackedImage(
        reference=parse_reference(name),
        target=blob(f"list {layers}", OCI_INDEX) if listed else manifest,
        manifest=manifest,
        blobs=(blob(f"config {layers}", OCI_CONFIG), *(blob(layer, size=size) for layer in layers)),
    )


def hexadecimal(descriptor: Descriptor) -> str:
    return descriptor.digest.removeprefix("sha256:")


def paths(layer: RegistryLayer) -> set[str]:
    return {file.path.removeprefix(f"{ROOT}/") for file in layer.files}


def test_the_tree_is_that_of_the_distribution_registry() -> None:
    image = packed("localhost:5000/team/app:1", "a", listed=True)
    (layer,) = registry_layers([image], RegistryContent(), 99)
    target, manifest = hexadecimal(image.target), hexadecimal(image.manifest)
    config, content = (hexadecimal(each) for each in image.blobs)
    repository = "repositories/localhost_5000/team/app"
    assert paths(layer) == {
        *(f"blobs/sha256/{each[:2]}/{each}/data" for each in (target, manifest, config, content)),
        f"{repository}/_layers/sha256/{config}/link",
        f"{repository}/_layers/sha256/{content}/link",
        f"{repository}/_manifests/revisions/sha256/{manifest}/link",
        f"{repository}/_manifests/revisions/sha256/{target}/link",
        f"{repository}/_manifests/tags/1/current/link",
        f"{repository}/_manifests/tags/1/index/sha256/{target}/link",
    }
    links = {file.path.rpartition(f"{repository}/")[2]: file.link for file in layer.files if file.link}
    assert links["_manifests/tags/1/current/link"] == image.target.digest
    assert links[f"_layers/sha256/{content}/link"] == image.blobs[1].digest


def test_a_digest_without_a_tag_has_a_revision_alone() -> None:
    image = packed("a.io/app@sha256:" + "0" * 64, "a")
    (layer,) = registry_layers([image], RegistryContent(), 99)
    assert not any("/tags/" in path for path in paths(layer))
    assert any("/revisions/" in path for path in paths(layer))


def test_equal_repositories_of_two_registries_stay_apart() -> None:
    layers = registry_layers([packed("a.io/app:1", "a"), packed("b.io/app:1", "b")], RegistryContent(), 99)
    tags = {path for layer in layers for path in paths(layer) if path.endswith("current/link")}
    assert tags == {
        "repositories/a.io/app/_manifests/tags/1/current/link",
        "repositories/b.io/app/_manifests/tags/1/current/link",
    }


def test_a_blob_of_two_images_is_packed_once() -> None:
    first, second = registry_layers(
        [packed("a.io/y:1", "shared", "y"), packed("a.io/x:1", "shared", "x")], RegistryContent(), 99
    )
    assert [str(layer.images[0]) for layer in (first, second)] == ["a.io/x:1", "a.io/y:1"]
    shared = f"blobs/sha256/{hexadecimal(blob('shared'))[:2]}/{hexadecimal(blob('shared'))}/data"
    assert shared in paths(first)
    assert shared not in paths(second)


def test_what_the_parent_holds_is_not_packed_again() -> None:
    image = packed("a.io/x:1", "shared", "x")
    (whole,) = registry_layers([image], RegistryContent(), 99)
    held = RegistryContent(
        blobs=frozenset(file.blob for file in whole.files if file.blob),
        links={file.path: file.link for file in whole.files if file.link},
    )
    assert registry_layers([image], held, 99) == ()
    (layer,) = registry_layers([packed("a.io/x:2", "shared", "x")], held, 99)
    tag = "repositories/a.io/x/_manifests/tags/2"
    assert paths(layer) == {
        f"{tag}/current/link",
        f"{tag}/index/sha256/{hexadecimal(image.target)}/link",
    }


def test_a_tag_that_has_moved_is_written_again() -> None:
    (old,) = registry_layers([packed("a.io/x:1", "old")], RegistryContent(), 99)
    held = RegistryContent(links={file.path: file.link for file in old.files if file.link})
    (layer,) = registry_layers([packed("a.io/x:1", "new")], held, 99)
    assert "repositories/a.io/x/_manifests/tags/1/current/link" in paths(layer)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 10**9)), max_size=40), st.integers(1, 12))
def test_layers_are_bounded_and_lose_nothing(sizes: list[tuple[int, int]], room: int) -> None:
    images = [
        packed(f"a.io/x{number}:1", f"shared{shared}", f"own{number}", size=size)
        for number, (shared, size) in enumerate(sizes)
    ]
    free = registry_layers(images, RegistryContent(), 1000)
    bounded = registry_layers(images, RegistryContent(), room)
    assert len(bounded) <= room
    everything = sorted(file.path for layer in free for file in layer.files)
    assert sorted(file.path for layer in bounded for file in layer.files) == everything
    assert len(set(everything)) == len(everything)
    assert all(list(layer.files) == sorted(layer.files, key=lambda file: file.path) for layer in bounded)
    assert registry_layers(images[::-1], RegistryContent(), room) == bounded


def test_a_large_blob_has_a_layer_that_any_image_shares() -> None:
    large = blob("large", size=OWN_LAYER)
    first = packed("a.io/x:1", "large", size=OWN_LAYER)
    second = packed("a.io/y:1", "large", "other", size=OWN_LAYER)
    cut = [registry_layers(images, RegistryContent(), 99) for images in ([first], [second], [first, second])]
    alone = [next(layer for layer in layers if layer.files[0].blob == large.digest) for layers in cut]
    assert {layer.files for layer in alone} == {alone[0].files}
    assert len(alone[0].files) == 1


def test_a_change_of_one_image_changes_its_own_layers_alone() -> None:
    images = [packed(f"a.io/x{number}:1", f"{number}", "shared", size=2 << 20) for number in range(20)]
    changed = [*images[:7], packed("a.io/x7:1", "new", "shared", size=2 << 20), *images[8:]]
    before = {layer.files for layer in registry_layers(images, RegistryContent(), 99)}
    after = {layer.files for layer in registry_layers(changed, RegistryContent(), 99)}
    # The blob that changed, and the image's manifest and links.
    assert len(before - after) == len(after - before) == 2


@pytest.mark.parametrize("room", [4, 12])
def test_of_too_many_images_a_change_changes_few_layers(room: int) -> None:
    images = [packed(f"a.io/x{number}:1", f"{number}", size=2 << 20) for number in range(100)]
    changed = [*images[:50], packed("a.io/x50:1", "new", size=2 << 20), *images[51:]]
    before = {layer.files for layer in registry_layers(images, RegistryContent(), room)}
    after = {layer.files for layer in registry_layers(changed, RegistryContent(), room)}
    assert len(before - after) == len(after - before) == 1


def test_when_room_is_short_the_largest_blobs_keep_a_layer_of_their_own() -> None:
    images = [packed(f"a.io/x{number}:1", f"{number}", size=number << 20) for number in range(1, 11)]
    layers = registry_layers(images, RegistryContent(), 14)
    alone = [layer.size >> 20 for layer in layers if len(layer.files) == 1]
    assert sorted(alone) == [7, 8, 9, 10]


def test_a_domain_that_can_be_no_repository() -> None:
    with pytest.raises(ImageError, match="can't be part of a repository's name"):
        registry_layers([packed("[::1]:5000/app:1", "a")], RegistryContent(), 99)
