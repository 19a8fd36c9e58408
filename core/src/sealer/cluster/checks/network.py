"""The network of each host by itself: addresses, routes, frame sizes."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable

from sealer.cluster.checks.answers import answer
from sealer.model import NO_ANSWER, Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "network"

ADDRESSES = Probe(
    name="core/addresses",
    script="ip -o addr show | awk '{ print $2, $4 }'",
)
"""Prints a line ``DEVICE ADDRESS/LENGTH`` for each address."""

DEFAULT_ROUTES = Probe(
    name="core/default-routes",
    script=(
        "ip -4 route show | sed -n 's/^default/4 default/p'\n"
        "ip -6 route show 2>/dev/null | sed -n 's/^default/6 default/p'\n"
        "echo end"
    ),
)
"""Prints each default route after its family, and ``end``."""

FRAMES = Probe(
    name="core/frames",
    script='for path in /sys/class/net/*; do echo "${path##*/} $(cat "$path/mtu")"; done',
)
"""Prints a line ``DEVICE MTU`` for each network card."""


def addresses_of(host: Host) -> tuple[str, ...] | None:
    """Return the addresses configured on a host without their prefix lengths, or None when not known."""
    text = answer(host, ADDRESSES)
    if text is None:
        return None
    return tuple(line.split()[1].partition("/")[0] for line in text.splitlines() if len(line.split()) == 2)


def family_of(address: str) -> int | None:
    """Return 4 or 6, or None when the text is a name."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def frame_size(host: Host) -> int | None:
    """Return the MTU of the card that has the host's address, or None when not known."""
    frames = dict(
        line.split() for line in (answer(host, FRAMES) or "").splitlines() if len(line.split()) == 2
    )
    for line in (answer(host, ADDRESSES) or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[1].partition("/")[0] == host.address:
            text = frames.get(words[0].partition("@")[0], "")
            return int(text) if text.isdecimal() else None
    return None


class HostAddress(Check):
    """A host listens on the address it is given by, so it must have it."""

    id = "host-address"
    title = "the given address is the host's own"
    subject = SUBJECT

    def probes(self) -> tuple[Probe, ...]:
        """Return the question which addresses it has."""
        return (ADDRESSES,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host without its address: an error when it has none of that family."""
        for host in cluster.hosts:
            found, family = addresses_of(host), family_of(host.address)
            if family is None:
                yield self.finding(
                    host.name,
                    found="it is given by a name, and which of its addresses that means is not known",
                    wanted="an address that programs on the host listen on",
                    mend="give the host by an IP address",
                )
            elif found is None:
                yield self.not_checked(host.name)
            elif not any(family_of(item) == family and _is_global(item) for item in found):
                yield self.finding(
                    host.name,
                    found=f"no network card has an IPv{family} address",
                    wanted=f"the IPv{family} address {host.address}",
                    mend=f"configure an IPv{family} address, or give the host by another one",
                )
            elif ipaddress.ip_address(host.address) not in {
                ipaddress.ip_address(item) for item in found if family_of(item)
            }:
                yield self.finding(
                    host.name,
                    found=f"no network card has the address {host.address}: it is translated on the way",
                    wanted="the address that programs on the host listen on",
                    mend=f"give the host by one of its own: {', '.join(filter(_is_global, found))}",
                    severity=Severity.WARNING,
                )


class DefaultRoute(Check):
    """Addresses of services exist on no network, so packets to them need a route that takes everything."""

    id = "default-route"
    title = "there is a default route"
    subject = SUBJECT

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for default routes."""
        return (DEFAULT_ROUTES,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host without a default route of its address's family."""
        for host in cluster.hosts:
            text, family = answer(host, DEFAULT_ROUTES), family_of(host.address)
            if text is None or family is None:
                yield self.not_checked(host.name, NO_ANSWER if family else f"{host.address} is a name")
            elif not any(line.startswith(f"{family} default") for line in text.splitlines()):
                yield self.finding(
                    host.name,
                    found=f"no default route for IPv{family}",
                    wanted="one, if only to the host's own network: addresses of services are routed by it",
                    mend="ip route add default via GATEWAY, and the same in the network's configuration",
                )


class EqualFrames(Check):
    """Where frame sizes differ, large packets between hosts are split or lost."""

    id = "mtu-equal"
    title = "network cards agree on the MTU"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the questions for addresses and frame sizes."""
        return (ADDRESSES, FRAMES)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose MTU is not that of most."""
        sizes = {host.name: frame_size(host) for host in cluster.hosts}
        known = Counter(size for size in sizes.values() if size is not None)
        for name, size in sizes.items():
            if size is None:
                yield self.not_checked(name, "the card with the host's address is not known")
                continue
            most = known.most_common(1)[0][0]
            if size != most:
                yield self.finding(
                    name,
                    found=f"the MTU of its network card is {size}",
                    wanted=f"{most}, as on most hosts",
                    mend=f"ip link set dev DEVICE mtu {most}, and the same in the network's configuration",
                )


def _is_global(address: str) -> bool:
    ip = ipaddress.ip_address(address) if family_of(address) else None
    return ip is not None and not (ip.is_loopback or ip.is_link_local)
