"""k0s.yaml of a controller: what is computed, between what the image offers and what the user asks for."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from functools import reduce
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.model import Cluster, Host
from sealer_runtime_k0s.balancer import require_balancer
from sealer_runtime_k0s.documents import GROUP, KIND, asked, merge, offered
from sealer_runtime_k0s.version import K0sVersion, image_version

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PODS = "10.244.0.0/16"
DEFAULT_SERVICES = "10.96.0.0/12"
"""k0s' own networks."""

_DEFAULTS: Mapping[str, Any] = {
    "api": {"port": 6443, "k0sApiPort": 9443},
    "storage": {"type": "etcd"},
    # k0s 1.20 takes another one than its default as soon as anything is said about the network.
    "network": {"provider": "kuberouter", "podCIDR": DEFAULT_PODS, "serviceCIDR": DEFAULT_SERVICES},
    "konnectivity": {"agentPort": 8132, "adminPort": 8133},
    # Nothing is told to anybody outside unless the user wants it.
    "telemetry": {"enabled": False},
}

_USERS = {
    "etcdUser": "etcd",
    "kineUser": "kube-apiserver",
    "konnectivityUser": "konnectivity-server",
    "kubeAPIserverUser": "kube-apiserver",
    "kubeSchedulerUser": "kube-scheduler",
}
"""The accounts that the parts of the control plane run under, by k0s' keys for them."""


def configuration(cluster: Cluster, host: Host) -> str:
    """Return k0s.yaml of a controller.

    Raises:
        PlanError: The documents or the environment ask for what can't work.
    """
    document = {
        "apiVersion": f"{GROUP}v1beta1",
        "kind": KIND,
        "metadata": {"name": "k0s"},
        "spec": specification(cluster, host),
    }
    return "# Written by Sealer.\n" + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=sys.maxsize
    )


def specification(cluster: Cluster, host: Host | None = None) -> dict[str, Any]:
    """Return ``spec`` of k0s.yaml, of a controller or without what tells one from another.

    Raises:
        PlanError: The documents or the environment ask for what can't work.
    """
    version = image_version(cluster.image)
    image, user = offered(cluster), asked(cluster)
    given = merge(image, user)
    parts = [_DEFAULTS, image, _networks_of_environment(cluster), _endpoint(cluster, version, given)]
    if host is not None:
        parts.append(_of_host(cluster, host, etcd=_holds_etcd(merge(_DEFAULTS, given))))
    spec: dict[str, Any] = reduce(merge, [*parts, user], {})
    _require_networks(spec, version)
    require_balancer(spec, version)
    return spec


def _of_host(cluster: Cluster, host: Host, *, etcd: bool) -> dict[str, Any]:
    address = str(ipaddress.ip_address(host.address))
    wanted = cluster.env_of(host).get("CertSANs", "").split(",")
    names = [address, *(name.strip() for name in wanted if name.strip())]
    # Other controllers are not named: each is reached under its own names, and they come and go.
    return {
        "api": {"address": address, "sans": list(dict.fromkeys(names))},
        "storage": {"etcd": {"peerAddress": address}} if etcd else {},
    }


def _endpoint(cluster: Cluster, version: K0sVersion, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how workers reach the API servers: by a balancer of their own where k0s has it."""
    api = given.get("api") or {}
    if api.get("externalAddress") or api.get("tunneledNetworkingMode"):
        return {}
    if version.balances:
        return {"network": {"nodeLocalLoadBalancing": {"enabled": True}}}
    # All controllers must agree on one address, or they undo one another's work without end.
    return {"api": {"externalAddress": str(ipaddress.ip_address(cluster.first_master.address))}}


def _networks_of_environment(cluster: Cluster) -> dict[str, Any]:
    env = cluster.env_of(cluster.first_master)
    network: dict[str, Any] = {}
    for variable, key, second in (
        ("PodCIDR", "podCIDR", "IPv6podCIDR"),
        ("SvcCIDR", "serviceCIDR", "IPv6serviceCIDR"),
    ):
        if not env.get(variable):
            continue
        first, *rest = parse_networks(env[variable])
        network[key] = str(first)
        if rest:
            if first.version != 4 or rest[0].version != 6 or len(rest) > 1:
                raise PlanError(
                    f"{variable} is {env[variable]!r}",
                    hint="of two networks the first is of IP version 4 and the second of version 6",
                )
            network.setdefault("dualStack", {"enabled": True})[second] = str(rest[0])
    return {"network": network} if network else {}


def networks(cluster: Cluster) -> tuple[tuple[Network, ...], tuple[Network, ...]]:
    """Return the networks of pods and of services.

    Raises:
        PlanError: A setting is no network, or two overlap.
    """
    return _split(specification(cluster))


def _split(spec: Mapping[str, Any]) -> tuple[tuple[Network, ...], tuple[Network, ...]]:
    network = spec["network"]
    pods, services = [str(network["podCIDR"])], [str(network["serviceCIDR"])]
    second = network.get("dualStack") or {}
    if second.get("enabled"):
        pods.append(str(second.get("IPv6podCIDR")))
        services.append(str(second.get("IPv6serviceCIDR")))
    return parse_networks(",".join(pods)), parse_networks(",".join(services))


def _require_networks(spec: Mapping[str, Any], version: K0sVersion) -> None:
    pods, services = _split(spec)
    for pod in pods:
        for service in services:
            if pod.version == service.version and pod.overlaps(service):
                raise PlanError(
                    f"the network of pods {pod} overlaps that of services {service}",
                    hint="set PodCIDR and SvcCIDR to networks that are apart",
                )
    if services[0].version == 6 and not version.speaks_ipv6_alone:
        raise PlanError(
            f"k0s {version} needs a network of services of IP version 4, and {services[0]} is none",
            hint="add one of version 6 as the second: SvcCIDR=10.96.0.0/12,fd00:96::/108",
        )


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks that are separated by commas.

    Raises:
        PlanError: One is none.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise PlanError(f"{text!r} is no network: {error}", hint="write it as 10.244.0.0/16") from error


def ports(cluster: Cluster) -> tuple[int, int, int]:
    """Return the ports of the API server, of the API by which controllers join, and of konnectivity.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    spec = specification(cluster)
    wanted = (spec["api"]["port"], spec["api"]["k0sApiPort"], spec["konnectivity"]["agentPort"])
    for port in wanted:
        if not isinstance(port, int) or not 0 < port < 65536:
            raise PlanError(f"{port!r} in the settings of k0s is no port")
    return wanted


def has_etcd(cluster: Cluster) -> bool:
    """Whether each controller holds a member of etcd, and not another store elsewhere.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    return _holds_etcd(specification(cluster))


def _holds_etcd(spec: Mapping[str, Any]) -> bool:
    storage = spec["storage"]
    return storage["type"] == "etcd" and not (storage.get("etcd") or {}).get("externalCluster")


def accounts(cluster: Cluster) -> tuple[str, ...]:
    """Return the names of the accounts that the parts of the control plane run under.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    wanted = (specification(cluster).get("installConfig") or {}).get("users") or {}
    return tuple(dict.fromkeys(str(wanted.get(key, name)) for key, name in _USERS.items()))


def has_network(cluster: Cluster) -> bool:
    """Tell whether k0s makes the network of pods, as it does unless its ``provider`` is ``custom``.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    return bool(specification(cluster)["network"]["provider"] != "custom")


def is_worker(cluster: Cluster, host: Host) -> bool:
    """Whether pods can run on a host: on all but controllers that are to be nothing else.

    Raises:
        PlanError: ``EnableWorker`` is neither true nor false, or what a node has is asked for where none is.
    """
    if not host.is_master:
        return True
    text = cluster.env_of(host).get("EnableWorker", "true").strip().lower()
    if text not in ("true", "false"):
        raise PlanError(f"EnableWorker of {host.name} is {text!r}", hint="set it to true or false")
    if text == "false" and (host.labels or host.taints):
        raise PlanError(
            f"{host.name} has labels or taints, and with EnableWorker=false there is no node to have them",
            hint="leave them away, or let it be a worker too",
        )
    return text == "true"
