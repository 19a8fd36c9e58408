"""kubeadm's configuration: what is computed from the cluster, with the user's documents laid over it."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.model import Cluster, Host
from sealer_runtime_k8s.images import image_settings
from sealer_runtime_k8s.merge import arguments_as_lists, arguments_as_mappings, merge
from sealer_runtime_k8s.names import API_DOMAIN, API_PORT, node_name
from sealer_runtime_k8s.networks import DEFAULT_PODS, DEFAULT_SERVICES, Networks, parse_networks
from sealer_runtime_k8s.version import KubernetesVersion, image_version

KUBEADM_KINDS = ("InitConfiguration", "ClusterConfiguration", "JoinConfiguration")
_COMPONENT_APIS = {
    "KubeletConfiguration": "kubelet.config.k8s.io/v1beta1",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
}

# kubeadm insists on making a token at init. Nobody uses it: those that join get one of their own.
_UNUSED_TOKEN_LIFE = "5m0s"  # noqa: S105  # a duration


class Quoted(str):
    """A text that is written in double quotes, so that what replaces it can't be read as a number."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes ``Quoted`` texts in quotes."""


_Dumper.add_representer(
    Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)


def dump(*documents: Mapping[str, Any]) -> str:
    """Return documents as YAML; long texts stay on one line and values' marks as they are."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize, explicit_start=True
    )


def init_configuration(cluster: Cluster) -> str:
    """Return the configuration of ``kubeadm init`` on the first master.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    version = image_version(cluster.image)
    documents = [
        _init_document(cluster),
        cluster_document(cluster),
        _kubelet_document(cluster),
    ]
    proxy = users_documents(cluster, "KubeProxyConfiguration")
    if proxy:
        documents.append(merge(_header("KubeProxyConfiguration", version), proxy))
    return dump(*(_in_style(document, version) for document in documents))


def join_configuration(
    cluster: Cluster, host: Host, *, token: str, discovery: str, certificate_key: str = ""
) -> str:
    """Return the configuration of ``kubeadm join`` on a host.

    Args:
        cluster: The cluster.
        host: The host that joins.
        token: The bootstrap token.
        discovery: The path of a kubeconfig with the API server's address and certificate authority.
        certificate_key: For a master: the key that its certificates were uploaded under.
    """
    version = image_version(cluster.image)
    base: dict[str, Any] = _header("JoinConfiguration", version)
    user = users_documents(cluster, "JoinConfiguration")
    user.pop("controlPlane", None)
    document = merge(merge(base, user), {"nodeRegistration": _registration(cluster, host, user)})
    document["discovery"] = {"file": {"kubeConfigPath": discovery}, "tlsBootstrapToken": Quoted(token)}
    if certificate_key:
        document["controlPlane"] = {
            "localAPIEndpoint": {"advertiseAddress": host.address, "bindPort": API_PORT},
            "certificateKey": Quoted(certificate_key),
        }
    return dump(_in_style(document, version))


def endpoint(cluster: Cluster) -> str:
    """Return ``name:port`` of the API server, as every host and kubeconfig will call it."""
    default = f"{API_DOMAIN}:{API_PORT}"
    return str(users_documents(cluster, "ClusterConfiguration").get("controlPlaneEndpoint") or default)


def is_own_endpoint(cluster: Cluster) -> bool:
    """Tell whether the endpoint is the name that hosts resolve by themselves, and not one of the user's."""
    return endpoint(cluster) == f"{API_DOMAIN}:{API_PORT}"


def discovery_kubeconfig(cluster: Cluster, *, authority: str) -> str:
    """Return a kubeconfig that tells who may be trusted as the API server, and holds no secret.

    Args:
        cluster: The cluster.
        authority: The certificate authority's PEM text in base64.
    """
    server = {"server": f"https://{endpoint(cluster)}", "certificate-authority-data": Quoted(authority)}
    # The one cluster without a name, and no context: the form that kubeadm takes without credentials.
    return dump({"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": server}]})


def networks(cluster: Cluster) -> Networks:
    """Return the networks of pods and services as they will be.

    Raises:
        PlanError: A setting is no network, or two overlap.
    """
    networking = _networking(cluster)
    return parse_networks(str(networking["podSubnet"]), str(networking["serviceSubnet"]))


def _networking(cluster: Cluster) -> dict[str, Any]:
    env = cluster.env_of(cluster.first_master)
    computed = {
        "podSubnet": env.get("PodCIDR") or DEFAULT_PODS,
        "serviceSubnet": env.get("SvcCIDR") or DEFAULT_SERVICES,
    }
    return merge(computed, users_documents(cluster, "ClusterConfiguration").get("networking") or {})


def _init_document(cluster: Cluster) -> dict[str, Any]:
    version = image_version(cluster.image)
    host = cluster.first_master
    base = _header("InitConfiguration", version) | {"bootstrapTokens": [{"ttl": _UNUSED_TOKEN_LIFE}]}
    user = users_documents(cluster, "InitConfiguration")
    fixed = {
        "localAPIEndpoint": {"advertiseAddress": host.address, "bindPort": API_PORT},
        "nodeRegistration": _registration(cluster, host, user),
    }
    return merge(merge(base, user), fixed)


def cluster_document(cluster: Cluster) -> dict[str, Any]:
    """Return the ClusterConfiguration as plain data.

    Raises:
        PlanError: The image or the user's settings can't work.
    """
    version = image_version(cluster.image)
    networks(cluster)
    names = ["127.0.0.1", "localhost", API_DOMAIN, *(master.address for master in cluster.masters)]
    for master in cluster.masters:
        wanted = cluster.env_of(master).get("CertSANs", "").split(",")
        names += [name.strip() for name in wanted if name.strip()]
    base = _header("ClusterConfiguration", version) | {
        "clusterName": cluster.name,
        "kubernetesVersion": str(version),
        "controlPlaneEndpoint": endpoint(cluster),
        "networking": _networking(cluster),
        "apiServer": {"certSANs": list(dict.fromkeys(names))},
    }
    user = users_documents(cluster, "ClusterConfiguration")
    asked = user.get("kubernetesVersion")
    if asked is not None and str(asked).removeprefix("v") != str(version).removeprefix("v"):
        raise PlanError(
            f"ClusterConfiguration asks for Kubernetes {asked}, the image brings {version}",
            hint="leave kubernetesVersion away, or use an image of that version",
        )
    if user.get("imageRepository") is None:
        base = merge(base, image_settings(cluster.image, version))
    return merge(base, user)


def _kubelet_document(cluster: Cluster) -> dict[str, Any]:
    version = image_version(cluster.image)
    base = _header("KubeletConfiguration", version)
    user = users_documents(cluster, "KubeletConfiguration")
    if cluster.container_runtime is not None:
        driver = cluster.container_runtime.cgroup_driver
        base["cgroupDriver"] = driver
        if user.get("cgroupDriver", driver) != driver:
            raise PlanError(
                f"KubeletConfiguration asks for the cgroup driver {user['cgroupDriver']}, "
                f"but the container runtime uses {driver}",
                hint="leave cgroupDriver away: no pod starts when the two differ",
            )
    return merge(base, user)


def _registration(cluster: Cluster, host: Host, user: Mapping[str, Any]) -> dict[str, Any]:
    """Return what kubeadm registers a host as; its name and address are not the user's to say."""
    registration = dict(user.get("nodeRegistration") or {})
    if cluster.container_runtime is not None:
        registration.setdefault("criSocket", f"unix://{cluster.container_runtime.socket}")
    if not cluster.nodes:
        # Pods have nowhere else to go: the taint that kubeadm gives masters would keep them out.
        registration.setdefault("taints", [])
    arguments = {"node-ip": str(ipaddress.ip_address(host.address))}
    fixed = {"name": node_name(cluster, host), "kubeletExtraArgs": arguments}
    return merge(registration, fixed)


def _header(kind: str, version: KubernetesVersion) -> dict[str, Any]:
    return {"apiVersion": _COMPONENT_APIS.get(kind, version.config_api), "kind": kind}


def users_documents(cluster: Cluster, kind: str) -> dict[str, Any]:
    """Return the user's documents of a kind, merged in order, without their headers."""
    result: dict[str, Any] = {}
    for document in cluster.documents:
        if document.get("kind") == kind:
            body = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
            result = merge(result, body)
    return result


def _in_style(document: Mapping[str, Any], version: KubernetesVersion) -> dict[str, Any]:
    """Return a document with arguments written as the version reads them."""
    return arguments_as_lists(document) if version.argument_lists else arguments_as_mappings(document)
