"""Variables of a cluster: those that are known without the user's saying, and those that the user says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from sealer.model import CONTAINER_RUNTIME_TYPE_LABEL, Cluster, Host

_SERVICE_OFFSET, _DNS_OFFSET = 1, 10


def environment_on(cluster: Cluster, host: Host) -> Mapping[str, str]:
    """Return the environment on a host: what is computed, over what the user says, over what the image says.

    Names and meanings are those of the Go tool.
    """
    return {**cluster.env_of(host), **computed_env(cluster, host)}


def said_env(cluster: Cluster) -> Mapping[str, str]:
    """Return the environment of the first master as far as the cluster's image does not say the same."""
    own, image = cluster.env_of(cluster.first_master), cluster.image.env
    return {name: text for name, text in own.items() if image.get(name) != text}


def computed_env(cluster: Cluster, host: Host) -> Mapping[str, str]:
    """Return what is computed alone."""
    return dict(_computed(cluster, host, cluster.env_of(host).get("SvcCIDR", "")))


def _computed(cluster: Cluster, host: Host, services: str) -> Iterator[tuple[str, str]]:
    yield "HostIP", host.address
    if ":" in host.address:
        yield "HostIPFamily", "6"
    runtime = cluster.image.labels.get(CONTAINER_RUNTIME_TYPE_LABEL)
    if runtime:
        yield "ContainerRuntime", runtime
    if cluster.registry is not None:
        kind = "External" if cluster.registry.is_outside else "Local"
        for prefix in ("Registry", f"{kind}Registry"):
            yield f"{prefix}Domain", cluster.registry.domain
            yield f"{prefix}Port", str(cluster.registry.port)
            yield f"{prefix}URL", cluster.registry.netloc
    try:
        network = ipaddress.ip_network(services.split(",", maxsplit=1)[0].strip(), strict=False)
    except ValueError:
        return
    yield "KubeSvcIP", str(network.network_address + _SERVICE_OFFSET)
    yield "DNSSvcIP", str(network.network_address + _DNS_OFFSET)
