"""The container images that kubeadm will ask for, compared with those that the cluster image carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sealer.errors import PlanError
from sealer.model import ImageMetadata
from sealer_runtime_k8s.version import KubernetesVersion

_COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageName:
    """A container image's name in parts: ``k8s.gcr.io/coredns/coredns:v1.8.0``."""

    repository: str
    name: str
    tag: str

    @staticmethod
    def parse(text: str) -> ImageName:
        """Split a full name; a digest is left away."""
        repository, _, last = text.partition("@")[0].rpartition("/")
        name, _, tag = last.partition(":")
        return ImageName(repository=repository, name=name, tag=tag)


def image_settings(image: ImageMetadata, version: KubernetesVersion) -> Mapping[str, object]:
    """Return the part of a ClusterConfiguration that makes kubeadm ask for the images that were packed.

    That is the repository of the control plane and the tags of etcd and CoreDNS, where they are clear.
    kubeadm's own choice stays for what can't be told, and all of it when the image carries none.

    Raises:
        PlanError: The control plane that was packed is not of the version that the image says it brings.
    """
    if not image.container_images:
        return {}
    names = {ImageName.parse(packed.image) for packed in image.container_images}
    repository = _control_plane_repository(image, names, version)
    settings: dict[str, object] = {"imageRepository": repository}
    etcd = {name.tag for name in names if (name.repository, name.name) == (repository, "etcd")}
    if len(etcd) == 1:
        settings["etcd"] = {"local": {"imageTag": etcd.pop()}}
    dns = {
        name
        for name in names
        if name.name == "coredns" and name.repository in (repository, f"{repository}/coredns")
    }
    if len(dns) == 1:
        server = dns.pop()
        settings["dns"] = {"imageRepository": server.repository, "imageTag": server.tag}
    return settings


def _control_plane_repository(
    image: ImageMetadata, names: Iterable[ImageName], version: KubernetesVersion
) -> str:
    """Return the repository that holds all of the control plane in this version."""
    # A build's "+" is written "_" in tags.
    tag = str(version).replace("+", "_")
    found = {component: {n for n in names if n.name == component} for component in _COMPONENTS}
    repositories = [{n.repository for n in found[c] if n.tag == tag} for c in _COMPONENTS]
    shared = set.intersection(*repositories)
    if shared:
        return min(shared)
    lacking = [c for c, holders in zip(_COMPONENTS, repositories, strict=True) if not holders]
    others = sorted(f"{n.name}:{n.tag}" for component in lacking for n in found[component])
    raise PlanError(
        f"image {image.reference} brings Kubernetes {version}, but carries no "
        + " and no ".join(f"{component}:{tag}" for component in lacking or _COMPONENTS)
        + (f" (it carries {', '.join(others)})" if others else "")
        + ("" if lacking else " in one repository"),
        hint="build the base image from files of one release",
    )
