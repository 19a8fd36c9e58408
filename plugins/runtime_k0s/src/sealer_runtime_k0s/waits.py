"""What is waited for on a worker after k0s has been started there."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import Change, Wait
from sealer.model import Cluster, Host
from sealer_runtime_k0s import fragments
from sealer_runtime_k0s.balancer import balancer_ports
from sealer_runtime_k0s.config import specification
from sealer_runtime_k0s.names import unit


def registered(host: Host, when: str = "") -> Change:
    """Return the wait for the kubelet's certificate; ``when`` tells it from earlier ones."""
    return Wait(
        title=f"the kubelet has {'a new' if when else 'its'} certificate{when}",
        until=fragments.IS_REGISTERED,
        why=fragments.why_not_registered(unit(host)),
        limit=300,
    )


def balanced(cluster: Cluster, host: Host, when: str = "") -> Iterator[Change]:
    """Yield the wait for the balancer of a host that is no master, if it has one.

    Its kubelet speaks to the API servers through that alone; a master's speaks to its own.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    ports = () if host.is_master else balancer_ports(specification(cluster))
    for port in ports[:1]:
        yield Wait(
            title=f"the balancer before the API servers listens{when}",
            until=fragments.balancer_listens(port),
            why=fragments.why_no_balancer(port),
            limit=300,
        )
