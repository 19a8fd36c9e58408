"""Names, manifests and removal in one process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealer.errors import ImageError, VerificationError
from sealer.image.extension import EXTENSION_ANNOTATION
from sealer.image.oci import DOCKER_LIST, OCI_MANIFEST, Descriptor, Index, Manifest, encode_json
from sealer.image.platforms import host_platform
from sealer.image.store import ImageStore
from sealer.model import Application, ContainerImage, ImageType, Launch, Platform
from sealer.testing.images import make_image

AMD64 = Platform(architecture="amd64")
ARM64 = Platform(architecture="arm64")
FOREIGN = ARM64 if host_platform() == AMD64 else AMD64


def names(store: ImageStore) -> list[str]:
    return [str(entry) for entry in store.list()]


def make_index(store: ImageStore, name: str, *platforms: Platform) -> Descriptor:
    children = tuple(make_image(store, None, platform=platform) for platform in platforms)
    return store.put_index(name, Index(manifests=children))


def test_a_store_that_does_not_exist_is_empty_and_stays_away(store: ImageStore) -> None:
    assert store.list() == ()
    assert not store.home.exists()


def test_an_image_is_found_by_name_digest_and_identifier(store: ImageStore) -> None:
    digest = make_image(store, "app:1").digest
    image = store.resolve("app:1")
    assert (image.reference, image.digest, image.root_digest) == ("docker.io/library/app:1", digest, digest)
    identifier = image.id.removeprefix("sha256:")
    for wanted in (digest, image.id, identifier, identifier[:12], f"app@{digest}", f"app:1@{digest}"):
        assert store.resolve(wanted).digest == digest
    assert store.find("docker.io/library/app:1").digest == digest


def test_a_name_wins_over_an_identifier(store: ImageStore) -> None:
    first = make_image(store, "app:1")
    prefix = first.digest.removeprefix("sha256:")[:6]
    second = make_image(store, prefix, layers=[{"other": b""}])
    assert store.resolve(prefix).digest == second.digest


def test_metadata_is_decoded_from_annotations_and_labels(store: ImageStore) -> None:
    application = Application(name="web", type="kube", files=("web.yaml",))
    packed = ContainerImage(image="docker.io/library/nginx:1", app_name="web", platform=AMD64)
    descriptor = make_image(
        store,
        "app:1",
        type=ImageType.APPLICATION,
        applications=[application],
        launch=Launch(app_names=("web",)),
        container_images=[packed],
        labels={"a": "b"},
    )
    metadata = store.resolve("app:1").metadata
    assert (metadata.reference, metadata.digest) == ("docker.io/library/app:1", descriptor.digest)
    assert (metadata.type, metadata.platform, metadata.labels) == (ImageType.APPLICATION, AMD64, {"a": "b"})
    assert (metadata.applications, metadata.launch.app_names) == ((application,), ("web",))
    assert metadata.container_images == (packed,)


def test_an_image_of_another_kind_resolves_but_has_no_metadata(store: ImageStore) -> None:
    make_image(store, "plain", type=None)
    image = store.resolve("plain")
    assert len(image.layers) == 1
    with pytest.raises(ImageError, match=f"not a sealer image: .* {EXTENSION_ANNOTATION}") as caught:
        _ = image.metadata
    assert caught.value.hint


def test_a_missing_image_is_named_and_the_hint_says_where_to_get_it(store: ImageStore) -> None:
    with pytest.raises(ImageError, match="no image nothing:1 in the local store") as caught:
        store.resolve("nothing:1")
    assert "sealer pull" in (caught.value.hint or "")


def test_the_beginning_of_several_identifiers_is_refused(store: ImageStore) -> None:
    for end in ("0", "1"):
        digest = "sha256:" + "a" * 63 + end
        store.enter(None, Descriptor(media_type=OCI_MANIFEST, digest=digest, size=1))
    with pytest.raises(ImageError, match="aaaa is the beginning of several identifiers"):
        store.resolve("aaaa")
    assert store.find("a" * 63 + "1").digest.endswith("1")


def test_a_name_of_several_platforms_resolves_to_the_one_that_is_wanted(store: ImageStore) -> None:
    root = make_index(store, "multi", AMD64, ARM64)
    for platform in (AMD64, ARM64, Platform(architecture="arm64", variant="v8")):
        image = store.resolve("multi", platform)
        assert image.platform.architecture == platform.architecture
        assert image.root_digest == root.digest != image.digest
    assert store.resolve("multi").platform == host_platform()
    with pytest.raises(
        ImageError, match="no image for linux/riscv64: the index lists linux/amd64, linux/arm64"
    ):
        store.resolve("multi", Platform(architecture="riscv64"))


def test_a_manifest_that_an_index_lists_is_found_by_its_digest(store: ImageStore) -> None:
    make_index(store, "multi", AMD64, ARM64)
    child = store.resolve("multi", FOREIGN)
    assert store.resolve(child.digest).platform == FOREIGN
    assert store.resolve(f"multi@{child.digest}").platform == FOREIGN


def test_the_only_image_of_an_index_is_taken_when_no_platform_is_wanted(store: ImageStore) -> None:
    make_index(store, "single", FOREIGN)
    assert store.resolve("single").platform == FOREIGN


def test_an_image_for_another_platform_is_refused(store: ImageStore) -> None:
    make_image(store, "app", platform=AMD64)
    with pytest.raises(ImageError, match="the image is for linux/amd64, not for linux/arm64"):
        store.resolve("app", ARM64)


def test_a_platform_that_was_never_pulled_is_named(store: ImageStore, tmp_path: Path) -> None:
    children = [make_image(ImageStore(tmp_path / "other"), None, platform=ARM64), make_image(store, None)]
    index = Index(manifests=tuple(children), media_type=DOCKER_LIST)
    with pytest.raises(ImageError, match=f"blob {children[0].digest} .* is not in the local store"):
        store.put_index("multi", index)
    store.put_index("multi", index, partial=True)
    assert store.resolve("multi", AMD64).platform == AMD64
    with pytest.raises(ImageError, match="the image for linux/arm64 is not in the local store") as caught:
        store.resolve("multi", ARM64)
    assert "sealer pull --platform linux/arm64" in (caught.value.hint or "")


def test_a_manifest_needs_its_blobs(store: ImageStore) -> None:
    config = store.put_blob(encode_json({"os": "linux", "architecture": "amd64"}), "m")
    layer = Descriptor(media_type="m", digest="sha256:" + "0" * 64, size=5)
    with pytest.raises(ImageError, match=layer.digest):
        store.put_manifest("app", Manifest(config=config, layers=(layer,)))
    assert store.list() == ()


@pytest.mark.parametrize(
    "config", [b"[]", b"{", b'{"os":"linux"}', b'{"os":"linux","architecture":"amd64","config":[]}']
)
def test_a_manifest_needs_the_config_of_an_image(store: ImageStore, config: bytes) -> None:
    manifest = Manifest(config=store.put_blob(config, "m"), layers=())
    with pytest.raises(ImageError, match="image config"):
        store.put_manifest("app", manifest)


def test_the_bytes_of_a_manifest_are_kept(store: ImageStore) -> None:
    config = store.put_blob(encode_json({"os": "linux", "architecture": "amd64"}), "m")
    plain = json.loads(Manifest(config=config, layers=()).encode())
    data = json.dumps({"unknown": [1, 2], **plain}, indent=3).encode()
    digest = store.put_manifest("app", data).digest
    assert store.read_blob(digest) == data
    assert store.resolve("app").digest == digest


def test_a_name_that_moves_leaves_its_image_behind_until_it_is_pruned(store: ImageStore) -> None:
    first = make_image(store, "app", layers=[{"a": b"1"}])
    second = make_image(store, "app", layers=[{"a": b"2"}])
    assert names(store) == ["docker.io/library/app:latest", first.digest]
    assert store.resolve(first.digest).digest == first.digest
    removal = store.prune()
    assert [entry.digest for entry in removal.names] == [first.digest]
    assert removal.freed > 0
    assert not store.has_blob(first)
    assert store.resolve("app").digest == second.digest


def test_a_tag_is_a_further_name_of_the_same_image(store: ImageStore) -> None:
    digest = make_image(store, "app").digest
    store.tag("app", "registry.example.com/team/app:2")
    store.tag(digest, "third")
    assert len(names(store)) == 3
    assert {entry.digest for entry in store.list()} == {digest}


@pytest.mark.parametrize("name", ["Bad Name", f"app@sha256:{'0' * 64}"])
def test_a_tag_needs_a_name_without_a_digest(store: ImageStore, name: str) -> None:
    make_image(store, "app")
    with pytest.raises(ImageError):
        store.tag("app", name)
    assert len(names(store)) == 1


def test_removing_a_name_keeps_what_other_images_use(store: ImageStore) -> None:
    shared = {"shared": b"s" * 1000}
    make_image(store, "one", layers=[shared, {"one": b""}])
    make_image(store, "two", layers=[shared, {"two": b""}])
    store.remove("one")
    two = store.resolve("two")
    for blob in (two.manifest.config, *two.layers):
        store.verified_blob(blob.digest)
    expected = {two.digest, two.id, *(layer.digest for layer in two.layers)}
    assert {f"sha256:{path.name}" for path in store.layout.blobs.iterdir()} == expected


def test_removing_one_of_two_names_frees_nothing(store: ImageStore) -> None:
    make_image(store, "one")
    store.tag("one", "two")
    assert store.remove("one").freed == 0
    assert store.resolve("two").layers
    assert store.remove("two").freed > 0
    assert list(store.layout.blobs.iterdir()) == []


def test_removing_an_index_removes_all_its_images(store: ImageStore) -> None:
    make_index(store, "multi", AMD64, ARM64)
    store.remove("multi")
    assert list(store.layout.blobs.iterdir()) == []


def test_an_identifier_with_several_names_is_removed_by_force_only(store: ImageStore) -> None:
    digest = make_image(store, "one").digest
    store.tag("one", "two")
    with pytest.raises(
        ImageError, match=r"is held by docker.io/library/one:latest, docker.io/library/two:latest"
    ):
        store.remove(digest[7:19])
    assert [str(entry) for entry in store.remove(digest, force=True).names] == [
        "docker.io/library/one:latest",
        "docker.io/library/two:latest",
    ]
    assert store.list() == ()


def test_what_an_index_lists_is_not_removed_alone(store: ImageStore) -> None:
    make_index(store, "multi", AMD64, ARM64)
    child = store.resolve("multi", ARM64)
    with pytest.raises(ImageError, match="is held by an index that lists it"):
        store.remove(child.digest)


def test_a_lease_keeps_blobs_until_it_ends(store: ImageStore) -> None:
    make_image(store, "app")
    with store.lease():
        waiting = store.put_blob(b"of a build that is not finished", "m")
        removal = store.remove("app")
        assert removal.freed == 0
        assert removal.deferred == "another process is using the store"
        assert store.has_blob(waiting)
        assert store.list() == ()
    assert store.prune().freed > 0
    assert not store.has_blob(waiting)


def test_a_damaged_image_can_be_removed_and_keeps_others_blobs(store: ImageStore) -> None:
    broken = make_image(store, "broken", layers=[{"a": b"1"}])
    whole = make_image(store, "whole", layers=[{"a": b"2"}])
    store.blob_path(broken.digest).write_bytes(b"x" * broken.size)
    with pytest.raises(VerificationError):
        store.resolve("broken")
    assert "is damaged" in (store.remove("whole").deferred or "")
    assert store.has_blob(whole)
    assert store.remove("broken").deferred is None
    assert list(store.layout.blobs.iterdir()) == []


def test_a_damaged_index_is_named_and_nothing_is_removed(store: ImageStore) -> None:
    descriptor = make_image(store, "app")
    store.layout.index.write_text("{")
    for attempt in (store.list, store.prune, lambda: store.remove("app"), lambda: store.tag("app", "b")):
        with pytest.raises(ImageError, match="the index of the local store is damaged") as caught:
            attempt()
        assert str(caught.value.place) == str(store.layout.index)
    assert store.has_blob(descriptor)


def test_the_home_of_a_new_store_is_private(store: ImageStore) -> None:
    make_image(store, "app")
    assert store.home.stat().st_mode & 0o777 == 0o700


def test_a_small_blob_that_is_damaged_is_written_again(store: ImageStore) -> None:
    descriptor = store.put_blob(b"whole", "text/plain")
    store.blob_path(descriptor.digest).write_bytes(b"other")
    assert store.put_blob(b"whole", "text/plain") == descriptor
    assert store.read_blob(descriptor.digest) == b"whole"
