"""What kubeadm is told about container images, from those that were packed."""

from __future__ import annotations

import pytest

from sealer.errors import PlanError
from sealer_runtime_k8s.images import ImageName, image_settings
from sealer_runtime_k8s.version import image_version
from tests.plugins.kit import KUBERNETES_IMAGES, image


def settings(*names: str, version: str = "v1.20.2") -> dict[str, object]:
    packed = image(version, names)
    return dict(image_settings(packed, image_version(packed)))


def test_the_packed_images_are_asked_for() -> None:
    assert settings(*KUBERNETES_IMAGES) == {
        "imageRepository": "k8s.gcr.io",
        "etcd": {"local": {"imageTag": "3.4.13-0"}},
        "dns": {"imageRepository": "k8s.gcr.io", "imageTag": "1.7.0"},
    }


def test_a_mirror_of_the_images_serves_as_well() -> None:
    names = [name.replace("k8s.gcr.io", "hub.example:5000/google") for name in KUBERNETES_IMAGES]
    assert settings(*names)["imageRepository"] == "hub.example:5000/google"


def test_coredns_may_lie_one_level_deeper() -> None:
    names = [name.replace("coredns", "coredns/coredns") for name in KUBERNETES_IMAGES]
    assert settings(*names)["dns"] == {"imageRepository": "k8s.gcr.io/coredns", "imageTag": "1.7.0"}


def test_what_is_not_clear_is_left_to_kubeadm() -> None:
    assert "etcd" not in settings(*KUBERNETES_IMAGES, "k8s.gcr.io/etcd:3.5.0-0")
    assert "dns" not in settings(*(name for name in KUBERNETES_IMAGES if "coredns" not in name))


def test_an_etcd_of_an_application_is_not_the_clusters() -> None:
    etcd = settings(*KUBERNETES_IMAGES, "docker.io/bitnami/etcd:3.5.9")["etcd"]
    assert etcd == {"local": {"imageTag": "3.4.13-0"}}


def test_an_image_without_container_images_leaves_all_to_kubeadm() -> None:
    assert settings() == {}


def test_a_control_plane_of_another_version_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        settings(*KUBERNETES_IMAGES, version="v1.20.3")
    assert "no kube-apiserver:v1.20.3" in caught.value.message
    assert "kube-apiserver:v1.20.2" in caught.value.message


def test_a_missing_part_of_the_control_plane_is_named() -> None:
    with pytest.raises(PlanError) as caught:
        settings(*(name for name in KUBERNETES_IMAGES if "scheduler" not in name))
    assert "no kube-scheduler:v1.20.2" in caught.value.message
    assert "kube-proxy" not in caught.value.message


def test_a_control_plane_in_two_repositories_is_refused() -> None:
    names = [name.replace("k8s.gcr.io/kube-proxy", "quay.io/kube-proxy") for name in KUBERNETES_IMAGES]
    with pytest.raises(PlanError) as caught:
        settings(*names)
    assert caught.value.message.endswith("in one repository")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("k8s.gcr.io/pause:3.2", ("k8s.gcr.io", "pause", "3.2")),
        ("localhost:5000/a/b:1", ("localhost:5000/a", "b", "1")),
        ("localhost:5000/a", ("localhost:5000", "a", "")),
        ("q.io/a/b:1@sha256:00", ("q.io/a", "b", "1")),
        ("q.io/a/b@sha256:00", ("q.io/a", "b", "")),
    ],
)
def test_names_come_apart(text: str, parts: tuple[str, str, str]) -> None:
    name = ImageName.parse(text)
    assert (name.repository, name.name, name.tag) == parts
