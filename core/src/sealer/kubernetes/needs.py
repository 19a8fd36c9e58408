"""What a host has before a distribution starts there."""

from __future__ import annotations

from sealer.model import Cluster, Host, at


def host_needs(cluster: Cluster, host: Host, *names: str) -> tuple[str, ...]:
    """Return the names that hold before a distribution starts, or is replaced, on a host.

    Args:
        cluster: It may have a container runtime and a registry.
        host: The host.
        names: What else has to hold, such as that the host is prepared, or that its turn has come.
    """
    needs = [at("rootfs", host.name), *names]
    if cluster.container_runtime is not None:
        needs.append(at("container-runtime", host.name))
    if cluster.registry is not None:
        needs.append(at("registry-access", host.name))
    return tuple(needs)
