"""Reads the answers of hosts: what was not answered is told apart from what is not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from sealer.model import Host, Probe


def answer(host: Host, probe: Probe) -> str | None:
    """Return what a host answered, or None when it could not."""
    return host.facts.answers.get(probe.name, "").strip() or None


def pairs(host: Host, probe: Probe) -> dict[str, str] | None:
    """Return an answer of lines ``NAME VALUE`` as a mapping, or None when there was none."""
    text = answer(host, probe)
    return None if text is None else read_pairs(text)


def read_pairs(text: str) -> dict[str, str]:
    """Return lines ``NAME VALUE`` as a mapping."""
    split = (line.strip().partition(" ") for line in text.splitlines())
    return {name: value.strip() for name, _, value in split}


def number(text: str | None) -> int | None:
    """Return a number in decimal digits, or None when it is none."""
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None


def shared(hosts: Sequence[Host], key: Callable[[Host], str]) -> Iterator[tuple[str, tuple[Host, ...]]]:
    """Yield each value of ``key`` but the empty one that several hosts have, with those hosts."""
    groups: dict[str, list[Host]] = defaultdict(list)
    for host in hosts:
        groups[key(host)].append(host)
    for value, members in groups.items():
        if value and len(members) > 1:
            yield value, tuple(members)


def others(host: Host, hosts: Sequence[Host]) -> str:
    """Return the names of the hosts but one, for a message."""
    return ", ".join(other.name for other in hosts if other is not host)
