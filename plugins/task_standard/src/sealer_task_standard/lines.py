"""Data in lines that begin with addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator


def lines(data: str) -> Iterator[tuple[str, str]]:
    """Yield the addresses and the rest of each line; ``#`` begins a comment.

    Raises:
        ValueError: A line has nothing behind its addresses.
    """
    for line in data.splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        words = text.split(None, 1)
        if len(words) != 2:
            raise ValueError(f"the line {text!r} says nothing of {words[0]}")
        yield words[0], words[1].strip()


def lines_for(data: str, address: str) -> Iterator[str]:
    """Yield what is said of one address.

    Raises:
        ValueError: A line is malformed.
    """
    for addresses, rest in lines(data):
        if any(_covers(part, address) for part in addresses.split(",")):
            yield rest


def _covers(part: str, address: str) -> bool:
    if part == address:
        return True
    try:
        own = ipaddress.ip_address(address)
    except ValueError:
        return False
    first, _, last = part.partition("-")
    try:
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
    except ValueError as error:
        raise ValueError(f"{part!r} is no address and no range of addresses") from error
    return low.version == own.version == high.version and int(low) <= int(own) <= int(high)
