"""kubeadm's documents as the image and the user bring them: in etc/kubeadm.yml, and in the Clusterfile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.model import Cluster
from sealer_runtime_k8s.merge import merge

IMAGE_FILE = "etc/kubeadm.yml"
"""Where an image has its settings; they yield to what is computed, and that to the user's."""

_SETTINGS_KIND = "KubeadmConfig"

DOCUMENT_KINDS = frozenset(
    {
        f"sealer.io/{_SETTINGS_KIND}",
        "kubeadm.k8s.io/ClusterConfiguration",
        "kubeadm.k8s.io/InitConfiguration",
        "kubeadm.k8s.io/JoinConfiguration",
        "kubelet.config.k8s.io/KubeletConfiguration",
        "kubeproxy.config.k8s.io/KubeProxyConfiguration",
    }
)
"""The documents of Clusterfiles that are heeded."""

_SETTINGS_GROUPS = ("sealer.io/", "sealer.cloud/")

# Which document the fields of Sealer's KubeadmConfig belong to; the others are of ClusterConfiguration.
_OF_INIT = frozenset({"localAPIEndpoint", "bootstrapTokens", "certificateKey"})
_OF_JOIN = frozenset({"caCertPath", "discovery"})
_OF_NODES = frozenset({"nodeRegistration", "patches", "skipPhases", "timeouts"})


def offered(cluster: Cluster, kind: str) -> dict[str, Any]:
    """Return what the image says in documents of a kind, without their headers.

    Raises:
        PlanError: The image's file is no YAML of documents.
    """
    found = _joined(_image_documents(cluster), kind)
    return _without_builders_own(found) if kind == "ClusterConfiguration" else found


def asked(cluster: Cluster, kind: str) -> dict[str, Any]:
    """Return what the user says in documents of a kind, merged in order, without their headers.

    Raises:
        PlanError: A document of Sealer's own group is of no kind that is read here.
    """
    return _joined(_users_documents(cluster), kind)


def _without_builders_own(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an image's ClusterConfiguration without the address of the etcd of whoever wrote it.

    Images made for the Go tool have one, which that tool puts another in the place of.
    """
    server, etcd = document.get("apiServer"), document.get("etcd")
    if not isinstance(server, Mapping) or (isinstance(etcd, Mapping) and "external" in etcd):
        return dict(document)
    # Joined documents have arguments as lists, whatever the version.
    arguments = [one for one in server.get("extraArgs") or () if one.get("name") != "etcd-servers"]
    return {**document, "apiServer": {**server, "extraArgs": arguments}}


def _joined(documents: Iterator[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for document in documents:
        if document.get("kind") == kind:
            body = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
            result = merge(result, body)
    return result


def _image_documents(cluster: Cluster) -> Iterator[Mapping[str, Any]]:
    text = cluster.image.files.get(IMAGE_FILE, "")
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise PlanError(f"{IMAGE_FILE} of image {cluster.image.reference} is no YAML: {error}") from error
    for document in documents:
        if not isinstance(document, dict):
            raise PlanError(
                f"{IMAGE_FILE} of image {cluster.image.reference} has a document that is no mapping"
            )
        yield document


def _users_documents(cluster: Cluster) -> Iterator[Mapping[str, Any]]:
    for document in cluster.documents:
        if not str(document.get("apiVersion", "")).startswith(_SETTINGS_GROUPS):
            yield document
        elif document.get("kind") == _SETTINGS_KIND:
            spec = document.get("spec")
            yield from _split(spec if isinstance(spec, Mapping) else {})
        else:
            raise PlanError(
                f"Kubernetes by kubeadm takes no document of kind {document.get('kind')}",
                hint=f"use {_SETTINGS_KIND}, or kubeadm's own kinds such as ClusterConfiguration",
            )


def _split(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the documents that a KubeadmConfig, which mixes their fields, stands for."""
    nodes = {key: value for key, value in spec.items() if key in _OF_NODES}
    init = {key: value for key, value in spec.items() if key in _OF_INIT} | nodes
    join = {key: value for key, value in spec.items() if key in _OF_JOIN} | nodes
    rest = {key: value for key, value in spec.items() if key not in init and key not in join}
    if "clusterDomain" in rest:
        domain = {"dnsDomain": rest.pop("clusterDomain")}
        rest["networking"] = domain | dict(rest.get("networking") or {})
    yield {"kind": "InitConfiguration", **init}
    yield {"kind": "JoinConfiguration", **join}
    yield {"kind": "ClusterConfiguration", **rest}
