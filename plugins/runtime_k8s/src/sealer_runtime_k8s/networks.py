"""The networks of pods and services: where they are set, and whether they can work."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sealer.errors import PlanError

DEFAULT_PODS = "100.64.0.0/10"
DEFAULT_SERVICES = "10.96.0.0/22"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """Networks in CIDR notation, at most one of each IP family for each purpose."""

    pods: tuple[Network, ...]
    services: tuple[Network, ...]

    def holding(self, address: str) -> Network | None:
        """Return the network that holds a host's address, which none may."""
        ip = ipaddress.ip_address(address)
        return next((network for network in (*self.pods, *self.services) if ip in network), None)


def parse_networks(pods: str, services: str) -> Networks:
    """Read the two settings; each may name several networks, separated by commas.

    Raises:
        PlanError: One is no network, or two overlap.
    """
    networks = Networks(pods=_parse("pods", pods), services=_parse("services", services))
    for pod in networks.pods:
        for service in networks.services:
            if pod.version == service.version and pod.overlaps(service):
                raise PlanError(
                    f"the network of pods {pod} overlaps that of services {service}",
                    hint="set PodCIDR and SvcCIDR to networks that are apart",
                )
    return networks


def _parse(purpose: str, text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise PlanError(
            f"the network of {purpose} is no network: {error}", hint="write it as 10.96.0.0/22"
        ) from error
