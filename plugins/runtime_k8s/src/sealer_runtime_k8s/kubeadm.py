"""kubeadm's configuration: what is computed from the cluster, with the user's documents laid over it."""

from __future__ import annotations

import ipaddress
import posixpath
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.model import Cluster, Host
from sealer_runtime_k8s.control_groups import ignored_preflight
from sealer_runtime_k8s.documents import asked, offered
from sealer_runtime_k8s.images import image_settings
from sealer_runtime_k8s.merge import arguments_as_lists, arguments_as_mappings, merge
from sealer_runtime_k8s.names import API_DOMAIN, API_PORT, node_name
from sealer_runtime_k8s.networks import (
    DEFAULTS,
    Networks,
    family,
    parse_networks,
    require_family,
    second_address,
)
from sealer_runtime_k8s.probes import NETWORKS, answer
from sealer_runtime_k8s.timeouts import CONTROL_PLANE, DISCOVERY, timeouts
from sealer_runtime_k8s.version import KubernetesVersion, image_version

_CLUSTER = "ClusterConfiguration"

_GATED_DUAL_STACK = range(16, 21)
"""The minor versions in which two IP families have to be asked for (changelogs of 1.16 and 1.21)."""

_FIRST_WITH_TWO_ADDRESSES = 20
"""The minor version whose kubelet takes an address of each IP family as --node-ip (changelog of 1.20)."""

# Fields of ClusterConfiguration that a version of the API has no more (documentation of kubeadm's package).
_DROPPED = (
    ("kubeadm.k8s.io/v1beta3", ("dns", "type")),
    ("kubeadm.k8s.io/v1beta3", ("useHyperKubeImage",)),
    ("kubeadm.k8s.io/v1beta4", ("apiServer", "timeoutForControlPlane")),
)

_MADE = frozenset({"DirectoryOrCreate", "FileOrCreate"})
"""The types of volumes whose paths are made where they are not."""

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


def init_configuration(cluster: Cluster, host: Host | None = None) -> str:
    """Return the configuration of ``kubeadm init`` on a master, the first unless another is given.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    version = image_version(cluster.image)
    documents = [
        _init_document(cluster, host or cluster.first_master),
        cluster_document(cluster),
        _kubelet_document(cluster),
    ]
    proxy = merge(offered(cluster, "KubeProxyConfiguration"), asked(cluster, "KubeProxyConfiguration"))
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
    image, user = offered(cluster, "JoinConfiguration"), asked(cluster, "JoinConfiguration")
    registration = {"nodeRegistration": _registration(cluster, host, image, user)}
    document = merge(merge(merge(image, base), user), registration)
    document.pop("controlPlane", None)
    document["discovery"] = {"file": {"kubeConfigPath": discovery}, "tlsBootstrapToken": Quoted(token)}
    waiting = timeouts(cluster, "JoinConfiguration")
    if not version.has_timeouts and DISCOVERY in waiting:
        document["discovery"]["timeout"] = waiting[DISCOVERY]
    _set_timeouts(document, waiting, version)
    if certificate_key:
        document["controlPlane"] = {
            "localAPIEndpoint": {"advertiseAddress": host.address, "bindPort": API_PORT},
            "certificateKey": Quoted(certificate_key),
        }
    return dump(_in_style(document, version))


def endpoint(cluster: Cluster) -> str:
    """Return ``name:port`` of the API server, as every host and kubeconfig will call it."""
    default = f"{API_DOMAIN}:{API_PORT}"
    return str(asked(cluster, "ClusterConfiguration").get("controlPlaneEndpoint") or default)


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


def bootstrap_kubeconfig(cluster: Cluster, *, authority: str, token: str) -> str:
    """Return a kubeconfig by which a kubelet asks for its certificate.

    Args:
        cluster: The cluster.
        authority: The certificate authority's PEM text in base64.
        token: A bootstrap token.
    """
    server = {"server": f"https://{endpoint(cluster)}", "certificate-authority-data": Quoted(authority)}
    return dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": server}],
            "users": [{"name": "kubelet", "user": {"token": Quoted(token)}}],
            "contexts": [{"name": "kubelet", "context": {"cluster": "cluster", "user": "kubelet"}}],
            "current-context": "kubelet",
        }
    )


def networks(cluster: Cluster) -> Networks:
    """Return the networks of pods and services as they will be.

    Raises:
        PlanError: A setting is no network, two overlap, or the hosts are of another IP family.
    """
    networking = _networking(cluster)
    found = parse_networks(str(networking["podSubnet"]), str(networking["serviceSubnet"]))
    require_family(found, cluster.first_master.address)
    return found


def _networking(cluster: Cluster) -> dict[str, Any]:
    pods, services = DEFAULTS[family(cluster.first_master.address)]
    defaults = {"podSubnet": pods, "serviceSubnet": services}
    names = {"podSubnet": "PodCIDR", "serviceSubnet": "SvcCIDR"}
    environment = {field: cluster.env[name] for field, name in names.items() if cluster.env.get(name)}
    computed = merge(merge(defaults, _of_networking(offered(cluster, _CLUSTER))), environment)
    return merge(computed, _of_networking(asked(cluster, _CLUSTER)))


def _of_networking(document: Mapping[str, Any]) -> dict[str, Any]:
    return dict(document.get("networking") or {})


def _init_document(cluster: Cluster, host: Host) -> dict[str, Any]:
    version = image_version(cluster.image)
    base = _header("InitConfiguration", version) | {"bootstrapTokens": [{"ttl": _UNUSED_TOKEN_LIFE}]}
    image, user = offered(cluster, "InitConfiguration"), asked(cluster, "InitConfiguration")
    fixed = {
        "localAPIEndpoint": {"advertiseAddress": host.address, "bindPort": API_PORT},
        "nodeRegistration": _registration(cluster, host, image, user),
    }
    document = merge(merge(merge(image, base), user), fixed)
    _set_timeouts(document, timeouts(cluster, "InitConfiguration"), version)
    return document


def _set_timeouts(document: dict[str, Any], waiting: Mapping[str, Any], version: KubernetesVersion) -> None:
    document.pop("timeouts", None)
    if version.has_timeouts and waiting:
        document["timeouts"] = dict(waiting)


def cluster_document(cluster: Cluster) -> dict[str, Any]:
    """Return the ClusterConfiguration as plain data.

    Raises:
        PlanError: The image or the user's settings can't work.
    """
    version = image_version(cluster.image)
    found = networks(cluster)
    names = [
        cluster.first_master.loopback,
        "localhost",
        API_DOMAIN,
        *(master.address for master in cluster.masters),
    ]
    for master in cluster.masters:
        names.append(master.name)
        wanted = cluster.env_of(master).get("CertSANs", "").split(",")
        names += [name.strip() for name in wanted if name.strip()]
    base = _header("ClusterConfiguration", version) | {
        "clusterName": cluster.name,
        "kubernetesVersion": str(version),
        "controlPlaneEndpoint": endpoint(cluster),
        "networking": _networking(cluster),
        "apiServer": {"certSANs": list(dict.fromkeys(names))},
    }
    if version.minor in _GATED_DUAL_STACK and len({pods.version for pods in found.pods}) > 1:
        base["featureGates"] = {"IPv6DualStack": True}
    user = asked(cluster, _CLUSTER)
    other = user.get("kubernetesVersion")
    if other is not None and str(other).removeprefix("v") != str(version).removeprefix("v"):
        raise PlanError(
            f"ClusterConfiguration asks for Kubernetes {other}, the image brings {version}",
            hint="leave kubernetesVersion away, or use an image of that version",
        )
    if user.get("imageRepository") is None:
        base = merge(base, image_settings(cluster.image, version))
    document = merge(merge(offered(cluster, _CLUSTER), base), user)
    waiting = timeouts(cluster, "InitConfiguration").get(CONTROL_PLANE)
    if waiting is not None and not version.has_timeouts:
        document["apiServer"]["timeoutForControlPlane"] = waiting
    return document


def made_paths(cluster: Cluster) -> tuple[str, ...]:
    """Return the paths that kubelets make on masters for the control plane, such as one for its audit log.

    Raises:
        PlanError: The image or the user's settings can't work.
    """
    document = cluster_document(cluster)
    parts = [document.get(name) or {} for name in ("apiServer", "controllerManager", "scheduler")]
    volumes = [volume for part in parts for volume in part.get("extraVolumes") or ()]
    found = [str(volume.get("hostPath")) for volume in volumes if volume.get("pathType") in _MADE]
    return tuple(dict.fromkeys(posixpath.normpath(path) for path in found if path.startswith("/")))


def _kubelet_document(cluster: Cluster) -> dict[str, Any]:
    version = image_version(cluster.image)
    base = _header("KubeletConfiguration", version)
    user = asked(cluster, "KubeletConfiguration")
    if cluster.container_runtime is not None:
        driver = cluster.container_runtime.cgroup_driver
        base["cgroupDriver"] = driver
        if user.get("cgroupDriver", driver) != driver:
            raise PlanError(
                f"KubeletConfiguration asks for the cgroup driver {user['cgroupDriver']}, "
                f"but the container runtime uses {driver}",
                hint="leave cgroupDriver away: no pod starts when the two differ",
            )
    return merge(merge(offered(cluster, "KubeletConfiguration"), base), user)


def _registration(
    cluster: Cluster, host: Host, image: Mapping[str, Any], user: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what kubeadm registers a host as; its name and address are not the user's to say."""
    computed: dict[str, Any] = {}
    if cluster.container_runtime is not None:
        computed["criSocket"] = cluster.container_runtime.endpoint
        _require_socket(user, cluster.container_runtime.socket)
    if not cluster.nodes:
        # Pods have nowhere else to go: the taint that kubeadm gives masters would keep them out.
        computed["taints"] = []
    registration = merge(
        merge(image.get("nodeRegistration") or {}, computed), user.get("nodeRegistration") or {}
    )
    arguments = {"node-ip": ",".join(_node_addresses(cluster, host))}
    fixed: dict[str, Any] = {"name": node_name(cluster, host), "kubeletExtraArgs": arguments}
    ignored, given = ignored_preflight(cluster, host), registration.get("ignorePreflightErrors") or ()
    # Beside "all" kubeadm takes no other word.
    if ignored and "all" not in given:
        fixed["ignorePreflightErrors"] = [*given, *ignored]
    return merge(registration, fixed)


def _require_socket(user: Mapping[str, Any], socket: str) -> None:
    wanted = (user.get("nodeRegistration") or {}).get("criSocket")
    path = str(wanted or socket).removeprefix("unix://")
    # The one is a link to the other everywhere.
    if path.replace("/var/run/", "/run/", 1) != socket.replace("/var/run/", "/run/", 1):
        raise PlanError(
            f"nodeRegistration asks for the criSocket {wanted}, but the container runtime has {socket}",
            hint="leave criSocket away: it is known",
        )


def _node_addresses(cluster: Cluster, host: Host) -> Iterator[str]:
    """Yield the address of a host, and the one of the other IP family if pods have both."""
    yield str(ipaddress.ip_address(host.address))
    other = second_address(host.address, answer(host, NETWORKS), networks(cluster))
    if other is not None and image_version(cluster.image).minor >= _FIRST_WITH_TWO_ADDRESSES:
        yield other


def _header(kind: str, version: KubernetesVersion) -> dict[str, Any]:
    return {"apiVersion": _COMPONENT_APIS.get(kind, version.config_api), "kind": kind}


def _in_style(document: Mapping[str, Any], version: KubernetesVersion) -> dict[str, Any]:
    """Return a document as the version reads it: with its way to write arguments, without what it dropped."""
    styled = arguments_as_lists(document) if version.argument_lists else arguments_as_mappings(document)
    if document["kind"] == _CLUSTER:
        for api, path in _DROPPED:
            if version.config_api >= api:
                _drop(styled, path)
    return styled


def _drop(document: dict[str, Any], path: tuple[str, ...]) -> None:
    *above, name = path
    for key in above:
        document = document.get(key) or {}
    document.pop(name, None)
