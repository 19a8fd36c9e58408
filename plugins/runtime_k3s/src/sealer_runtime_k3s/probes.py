"""The questions that are put to every host, and how their answers are read."""

from __future__ import annotations

from sealer.kubernetes import PORTS
from sealer.model import Host, Probe
from sealer_runtime_k3s import fragments

STATE = Probe(name="k3s/state", script=fragments.STATE_PROBE)
ALL = (STATE, PORTS)

NO_ANSWER = "the host could not answer"
"""Why a check was not made."""


def answer(host: Host, probe: Probe) -> str:
    """Return what the host answered, or the empty text."""
    return host.facts.answers.get(probe.name, "")


def owner(host: Host) -> str:
    """Return the name of the cluster whose k3s the host has, or the empty text."""
    kind, _, cluster = answer(host, STATE).partition(" ")
    return cluster if kind == "ours" else ""
