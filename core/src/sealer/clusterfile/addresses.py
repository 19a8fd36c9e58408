"""Addresses of hosts as people write them: IP addresses, ranges of them, and host names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sealer.clusterfile.model import HostSpec

LARGEST_RANGE = 5000
"""Hosts in one range; Kubernetes itself supports no larger clusters."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT_BEHIND = re.compile(
    r"(?P<bracketed>\[[^\[\]]*\])(?::(?P<port>[0-9]+))?|(?P<plain>[^:\[\]]+):(?P<after>[0-9]+)"
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address, and the port of its sshd where one is given."""

    address: str
    port: int | None = None


def expand(text: str) -> tuple[str, ...]:
    """Return the addresses that ``a``, ``a-b`` or a host name stands for, in their canonical form.

    Raises:
        ValueError: It is none of them; the message says why.
    """
    if is_host_name(text):
        return (text.lower(),)
    if "-" in text:
        first, _, last = text.partition("-")
        return _range(text, _address(first.strip()), _address(last.strip()))
    return (str(_address(text)),)


def expand_endpoints(text: str) -> tuple[Endpoint, ...]:
    """Return the endpoints of an address, a range or a host name, each with an optional ``:port`` behind.

    An IPv6 address is put into brackets when a port follows: ``[fd00::1]:22``.

    Raises:
        ValueError: It is none of them; the message says why.
    """
    match = _PORT_BEHIND.fullmatch(text)
    if match is None:
        return tuple(Endpoint(address=address) for address in expand(text))
    if match["bracketed"] is not None:
        inner, port_text = match["bracketed"][1:-1], match["port"]
    else:
        inner, port_text = match["plain"], match["after"]
    port = int(port_text) if port_text is not None and len(port_text) <= 5 else None
    if port_text is not None and not 1 <= (port or 0) <= 65535:
        raise ValueError(f"{port_text} is no port: it must be from 1 to 65535")
    return tuple(Endpoint(address=address, port=port) for address in expand(inner))


def conflicts(hosts: Sequence[HostSpec]) -> list[tuple[HostSpec, str]]:
    """Return the hosts that can't be in one cluster with an earlier one, and why."""
    found: list[tuple[HostSpec, str]] = []
    seen: dict[str, HostSpec] = {}
    first_ip: tuple[int, HostSpec] | None = None
    for host in hosts:
        earlier = seen.setdefault(host.address, host)
        if earlier is not host:
            found.append((host, f"{host.address} is given twice, first at {earlier.place}"))
            continue
        version = ip_version(host.address)
        if version is None:
            continue
        if first_ip is None:
            first_ip = (version, host)
        elif first_ip[0] != version:
            found.append(
                (host, f"{host.address} is IPv{version}, but {first_ip[1].address} is IPv{first_ip[0]}")
            )
    return found


def ip_version(address: str) -> int | None:
    """Return 4 or 6, or None for a host name."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def is_host_name(text: str) -> bool:
    """Return whether this is a name by the rules of DNS, and no address."""
    return _HOST_NAME.fullmatch(text) is not None and len(text) <= 253 and not _ends_in_number(text)


def _ends_in_number(name: str) -> bool:
    """Names whose last label is a number, or that hold no letter, are addresses with a mistake in them."""
    return name.rpartition(".")[2].isdigit() or not any(character.isalpha() for character in name)


def _address(text: str) -> IPAddress:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address, range or host name") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{text} is valid on one link only: leave out %{address.scope_id}")
    if isinstance(address, ipaddress.IPv6Address) and address.is_link_local:
        raise ValueError(
            f"{text} is valid on one link only: give the host's address in a network that all hosts reach"
        )
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"{text} is not the address of a host")
    return address


def _range(text: str, first: IPAddress, last: IPAddress) -> tuple[str, ...]:
    if first.version != last.version:
        raise ValueError(f"{text} goes from IPv{first.version} to IPv{last.version}")
    count = int(last) - int(first) + 1
    if count < 1:
        raise ValueError(f"{text} ends before it begins")
    if count > LARGEST_RANGE:
        raise ValueError(f"{text} holds {count} addresses; at most {LARGEST_RANGE} are possible")
    return tuple(str(first + number) for number in range(count))
