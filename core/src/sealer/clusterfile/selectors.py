"""Choosing hosts by role, address, range of addresses, or label, in one notation for all who choose."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

_LABEL = re.compile(r"(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)=(?P<value>[A-Za-z0-9._-]*)")
_ROLE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_BETWEEN = re.compile(r"[|,]")


def parts_of(selector: str) -> tuple[str, ...]:
    """Return the parts of a selector, which stand with ``|`` or ``,`` between."""
    return tuple(part.strip() for part in _BETWEEN.split(selector)) if selector.strip() else ()


def is_part(word: str) -> bool:
    """Tell whether a word can choose hosts: a role or name, an address, ``a-b``, or ``key=value``."""
    first, dash, last = word.partition("-")
    is_range = bool(dash) and _address(first) is not None and _address(last) is not None
    return is_range or bool(_address(word) or _LABEL.fullmatch(word) or _ROLE.fullmatch(word))


def selects(selector: str, *, names: Iterable[str], roles: Iterable[str], labels: Mapping[str, str]) -> bool:
    """Tell whether a selector chooses a host; an empty one chooses all.

    Args:
        selector: Its parts, any of which may hold.
        names: The host's name and addresses.
        roles: Of the host.
        labels: Of the host.
    """
    parts = [part for part in parts_of(selector) if part]
    own, held = frozenset(names), frozenset(roles)
    return not parts or any(_matches(part, own, held, labels) for part in parts)


def _matches(part: str, names: frozenset[str], roles: frozenset[str], labels: Mapping[str, str]) -> bool:
    label = _LABEL.fullmatch(part)
    if label is not None:
        return labels.get(label["key"]) == label["value"]
    return part in roles or part in names or any(_covers(part, _address(name)) for name in names)


def _covers(part: str, own: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if own is None:
        return False
    first, dash, last = part.partition("-")
    low, high = _address(first), _address(last)
    if not dash or low is None or high is None:
        return own == _address(part)
    return low.version == own.version == high.version and int(low) <= int(own) <= int(high)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
