"""The networks of pods and services: where they are set, and whether they can work."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sealer.errors import PlanError

DEFAULTS = {
    4: ("100.64.0.0/10", "10.96.0.0/22"),
    6: ("fd6c:9c1e:4a52::/52", "fd6c:9c1e:4a52:ff00::/112"),
}
"""The networks of pods and of services where nobody says others, by the IP version of the hosts."""

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


def family(address: str) -> int:
    """Return the IP version of a host's address; of a name, 4."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 4


def parse_networks(pods: str, services: str) -> Networks:
    """Read the two settings; each may name several networks, separated by commas.

    Raises:
        PlanError: One is no network, two are of one family, or two overlap.
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
        found = tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise PlanError(
            f"the network of {purpose} is no network: {error}", hint="write it as 10.96.0.0/22"
        ) from error
    if len({network.version for network in found}) < len(found):
        raise PlanError(f"{text} for {purpose}: there can be one network of each IP family")
    return found


def require_family(networks: Networks, address: str) -> None:
    """Refuse networks that a cluster whose hosts have addresses of this family can't have.

    The API server does not start when the first network of services is not of its address's family.

    Raises:
        PlanError: The first network of pods or of services is of the other family.
    """
    wanted = family(address)
    for purpose, found in (("pods", networks.pods), ("services", networks.services)):
        if found[0].version != wanted:
            raise PlanError(
                f"hosts have addresses of IPv{wanted}, such as {address}, "
                f"and the first network of {purpose}, {found[0]}, is of IPv{found[0].version}",
                hint="set PodCIDR and SvcCIDR; where both families are used, that of the hosts comes first",
            )


def second_address(address: str, listed: str, networks: Networks) -> str | None:
    """Return a host's address of the other IP family, where pods have both and the host has one.

    Args:
        address: The host's address.
        listed: What it answered to the probe for its networks.
        networks: Those of the cluster, whose addresses are not the host's own.
    """
    if len(networks.pods) == 1:
        return None
    for line in listed.splitlines():
        kind, _, text = line.partition(" ")
        try:
            found = ipaddress.ip_interface(text).ip if kind == "address" else None
        except ValueError:
            continue
        if found is None or found.version == family(address) or found.is_link_local or found.is_loopback:
            continue
        if networks.holding(str(found)) is None:
            return str(found)
    return None
