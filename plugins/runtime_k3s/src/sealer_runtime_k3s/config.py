"""The texts of k3s' files: its configuration, and its mirrors of registries."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.kubernetes import remote_endpoint
from sealer.model import Cluster, ContainerImage, Host, RegistryEndpoint
from sealer_runtime_k3s.documents import AGENT_KEYS, as_list, as_text, asked, plain
from sealer_runtime_k3s.names import JOIN_TOKEN, NODE_SECRET, REGISTRY_AUTHORITY, SERVER_SECRET, node_name
from sealer_runtime_k3s.version import image_version

DEFAULT_PODS = "10.42.0.0/16"
DEFAULT_SERVICES = "10.43.0.0/16"
"""k3s' own networks, which many take for granted."""

_JOINED = frozenset({"tls-san"})


def configuration(cluster: Cluster, host: Host) -> str:
    """Return config.yaml of a host: what is computed, with the user's ``K3sConfig`` documents laid over it.

    Raises:
        PlanError: The documents or the environment ask for what can't work.
    """
    settings = _computed(cluster, host)
    for key, value in asked(cluster).items():
        if not host.is_master and plain(key) not in AGENT_KEYS:
            continue
        if key in _JOINED:
            settings[key] = list(dict.fromkeys([*settings.get(key, ()), *as_list(value)]))
        else:
            settings[key] = value
    return "# Written by Sealer.\n" + yaml.safe_dump(
        settings, sort_keys=False, allow_unicode=True, width=sys.maxsize
    )


def _computed(cluster: Cluster, host: Host) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "node-name": node_name(host),
        "node-ip": str(ipaddress.ip_address(host.address)),
    }
    if host.is_master:
        pods, services = networks(cluster)
        names = [settings["node-ip"]]
        for master in cluster.masters:
            wanted = cluster.env_of(master).get("CertSANs", "").split(",")
            names += [name.strip() for name in wanted if name.strip()]
        settings |= {
            "advertise-address": settings["node-ip"],
            "tls-san": list(dict.fromkeys(names)),
            "cluster-cidr": pods,
            "service-cidr": services,
            "write-kubeconfig-mode": "0600",
            "token-file": SERVER_SECRET,
            "agent-token-file": NODE_SECRET,
        }
        if can_share_images(cluster):
            settings["embedded-registry"] = True
    else:
        settings["token-file"] = JOIN_TOKEN
    sandbox = sandbox_image(cluster.image.container_images)
    if sandbox is not None:
        settings["pause-image"] = sandbox
    if cluster.container_runtime is not None:
        settings["container-runtime-endpoint"] = remote_endpoint(cluster.container_runtime, "k3s")
        settings["kubelet-arg"] = [f"cgroup-driver={cluster.container_runtime.cgroup_driver}"]
    return settings


def has_etcd(cluster: Cluster) -> bool:
    """Tell whether servers keep the cluster's state in etcd, and not in a database of the user's.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    return not asked(cluster).get("datastore-endpoint")


def can_share_images(cluster: Cluster) -> bool:
    """Tell whether nodes can pull from one another what one of them has, of the registries that are mirrored.

    Raises:
        PlanError: The image names no version that can be installed.
    """
    return (
        image_version(cluster.image).shares_images
        and cluster.container_runtime is None
        and cluster.registry is not None
    )


def shares_images(cluster: Cluster) -> bool:
    """Tell whether they do: the user may want that they don't, or that they do in an earlier version.

    Raises:
        PlanError: The image or the documents ask for what can't work.
    """
    return bool(asked(cluster).get("embedded-registry", can_share_images(cluster)))


def tunnel_port(cluster: Cluster) -> int | None:
    """Return the UDP port by which hosts send packets of pods, or None when k3s opens none for that.

    It depends on ``flannel-backend`` (https://docs.k3s.io/networking/basic-network-options).
    """
    backend = as_text(asked(cluster).get("flannel-backend", "vxlan"))
    return {"vxlan": 8472, "wireguard-native": 51820}.get(backend)


def has_network(cluster: Cluster) -> bool:
    """Tell whether k3s makes the network of pods, as it does unless ``flannel-backend`` is ``none``."""
    return as_text(asked(cluster).get("flannel-backend")) != "none"


def networks(cluster: Cluster) -> tuple[str, str]:
    """Return the networks of pods and of services, each in CIDR notation, or two with a comma.

    Raises:
        PlanError: A setting is no network, or two overlap.
    """
    env = cluster.env_of(cluster.first_master)
    user = asked(cluster)
    pods = as_text(user.get("cluster-cidr")) or env.get("PodCIDR") or DEFAULT_PODS
    services = as_text(user.get("service-cidr")) or env.get("SvcCIDR") or DEFAULT_SERVICES
    for pod in parse_networks(pods):
        for service in parse_networks(services):
            if pod.version == service.version and pod.overlaps(service):
                raise PlanError(
                    f"the network of pods {pod} overlaps that of services {service}",
                    hint="set PodCIDR and SvcCIDR to networks that are apart",
                )
    return pods, services


def parse_networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Read networks that are separated by commas.

    Raises:
        PlanError: One is none.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise PlanError(f"{text!r} is no network: {error}", hint="write it as 10.42.0.0/16") from error


def sandbox_image(images: Iterable[ContainerImage]) -> str | None:
    """Return the pause image among those packed, or None: then k3s takes the one it knows."""
    names = (image.image for image in images)
    found = {name for name in names if "pause" in name.rpartition("/")[2].partition(":")[0].split("-")}
    return max(found, default=None)


def registries(registry: RegistryEndpoint, domains: Iterable[str]) -> str:
    """Return registries.yaml: names of these domains are pulled from the cluster's registry.

    It may hold a secret. The key ``rewrite`` is k3s' own, since v1.21.0+k3s1
    (https://docs.k3s.io/installation/private-registry).
    """
    mirrors = {domain: _mirror(registry, domain) for domain in sorted(set(domains) - {registry.netloc})}
    access: dict[str, dict[str, str]] = {}
    if registry.credentials is not None:
        access["auth"] = {"auth": str(registry.credentials)}
    if registry.certificate_authority is not None:
        access["tls"] = {"ca_file": REGISTRY_AUTHORITY}
    # JSON is YAML in which every text is quoted: what a value will be can't be read as anything else.
    places = (registry.netloc, *(cache.netloc for cache in registry.caches))
    settings = {"mirrors": mirrors, "configs": dict.fromkeys(places, access)}
    return f"# Written by Sealer.\n{json.dumps(settings, indent=2, ensure_ascii=False)}\n"


def _mirror(registry: RegistryEndpoint, domain: str) -> dict[str, object]:
    """Return where images of a domain are found: in the cluster's registry, then in its cache, if it has one.

    What rewrites names does so for all endpoints, and in a cache images have the names that they have anyway.
    So there paths lead to the registry: containerd asks below them as they are.
    """
    cache, below = registry.cache_of(domain), registry.below(domain)
    if cache is None:
        return {"endpoint": [f"https://{registry.netloc}"], "rewrite": {"^(.*)$": f"{below}/$1"}}
    return {"endpoint": [f"https://{registry.netloc}/v2/{below}", f"https://{cache.netloc}"]}
