from __future__ import annotations

import json

import pytest

from sealer.errors import ImageError
from sealer.image.inspect import fold_labels, image_spec
from sealer.image.store import ImageStore
from sealer.image.summary import summaries
from sealer.model import Application, ContainerImage, ImageType, Launch, Platform
from sealer.testing.images import make_image

AMD64 = Platform(architecture="amd64")
PREFIX = "cluster.alpha.sealer.io/"


def test_the_document_has_the_fields_of_the_go_implementation(store: ImageStore) -> None:
    make_image(
        store,
        "app:1",
        applications=[Application(name="web", type="kube", files=("web.yaml",))],
        launch=Launch(app_names=("web",)),
        container_images=[ContainerImage(image="docker.io/library/nginx:1", platform=AMD64)],
        labels={"z": "1", f"{PREFIX}kube-cni-flannel": "true", f"{PREFIX}kube-cni-calico": "true"},
    )
    image = store.resolve("app:1")
    document = image_spec(image)
    layer = image.layers[0]
    assert document == {
        "id": image.manifest.config.digest.removeprefix("sha256:"),
        "name": "docker.io/library/app:1",
        "digest": image.digest,
        "manifestv1": {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": image.id,
                "size": image.manifest.config.size,
            },
            "layers": [{"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}],
        },
        "ociv1": {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": image.config["rootfs"],
        },
        "imageExtension": {
            "buildClient": {"sealerVersion": "", "buildahVersion": ""},
            "schemaVersion": "v1alpha1",
            "type": "kube-installer",
            "applications": [{"name": "web", "type": "kube", "files": ["web.yaml"], "version": "v1"}],
            "labels": {f"{PREFIX}kube-cni": '["calico","flannel"]', "z": "1"},
            "launch": {"app_names": ["web"]},
        },
        "containerImageList": [
            {"image": "docker.io/library/nginx:1", "platform": {"architecture": "amd64", "os": "linux"}}
        ],
    }
    assert list(document)[:5] == ["id", "name", "digest", "manifestv1", "ociv1"]
    assert image.config["config"]["Labels"]["z"] == "1", "showing an image does not change it"
    json.dumps(document)


def test_an_image_that_packs_nothing_has_no_list_and_no_labels(store: ImageStore) -> None:
    make_image(store, "app", type=ImageType.APPLICATION)
    document = image_spec(store.resolve("app"))
    assert "containerImageList" not in document
    assert "labels" not in document["imageExtension"]
    assert document["imageExtension"]["launch"] == {}


def test_an_image_of_another_kind_is_refused(store: ImageStore) -> None:
    make_image(store, "plain", type=None)
    with pytest.raises(ImageError, match="not a sealer image"):
        image_spec(store.resolve("plain"))


def test_labels_of_networks_and_storage_are_folded_and_others_kept() -> None:
    labels = {
        f"{PREFIX}kube-csi-b": "true",
        f"{PREFIX}kube-csi-a": "true",
        "a": "1",
        f"{PREFIX}kube-cnix": "2",
    }
    assert fold_labels(labels) == {"a": "1", f"{PREFIX}kube-cnix": "2", f"{PREFIX}kube-csi": '["a","b"]'}
    assert fold_labels({}) == {}


def test_a_summary_counts_every_blob_once(store: ImageStore) -> None:
    layer = {"file": b"x"}
    descriptor = make_image(store, "registry.example.com/app:1", layers=[layer, layer])
    (summary,) = summaries(store)
    image = store.resolve("registry.example.com/app:1")
    assert (summary.repository, summary.tag) == ("registry.example.com/app", "1")
    assert (summary.id, summary.digest) == (image.id, descriptor.digest)
    assert (summary.type, summary.platforms) == ("kube-installer", ("linux/amd64",))
    assert summary.size == descriptor.size + image.manifest.config.size + image.layers[0].size
    assert summary.problem is None


def test_a_damaged_image_is_listed_with_its_problem(store: ImageStore) -> None:
    make_image(store, "whole")
    descriptor = make_image(store, "broken", layers=[{"b": b""}])
    store.blob_path(descriptor.digest).write_bytes(b"{}")
    broken, whole = summaries(store)
    assert descriptor.digest in (broken.problem or "")
    assert whole.problem is None
