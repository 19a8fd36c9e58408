"""The questions that are put to every host, and how their answers are read."""

from __future__ import annotations

import re

from sealer.model import Host, Probe
from sealer_runtime_k3s import fragments

STATE = Probe(name="k3s/state", script=fragments.STATE_PROBE)
PORTS = Probe(name="k3s/ports", script=fragments.PORTS_PROBE)
MIRRORS = Probe(name="k3s/mirrors", script=fragments.MIRRORS_PROBE)
ALL = (STATE, PORTS, MIRRORS)

NO_ANSWER = "the host could not answer"
"""Why a check was not made."""

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,4}")


def answer(host: Host, probe: Probe) -> str:
    """Return what the host answered, or the empty text."""
    return host.facts.answers.get(probe.name, "")


def listening_ports(host: Host) -> frozenset[int]:
    """Return the TCP ports on which something listens."""
    return frozenset(int(word, 16) for word in answer(host, PORTS).split() if _HEXADECIMAL.fullmatch(word))


def owner(host: Host) -> str:
    """Return the name of the cluster whose k3s the host has, or the empty text."""
    kind, _, cluster = answer(host, STATE).partition(" ")
    return cluster if kind == "ours" else ""


def mirrored(host: Host) -> tuple[str, ...]:
    """Return the domains that the host has mirrors for."""
    return tuple(line for line in answer(host, MIRRORS).splitlines() if line not in ("", "none"))
