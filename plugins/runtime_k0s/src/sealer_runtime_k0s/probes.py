"""The questions that are put to every host, and how their answers are read."""

from __future__ import annotations

from sealer.kubernetes import PORTS
from sealer.model import Host, Probe
from sealer_runtime_k0s import fragments

STATE = Probe(name="k0s/state", script=fragments.STATE_PROBE)
OOM = Probe(name="k0s/oom", script=fragments.OOM_PROBE)
ALL = (STATE, PORTS, OOM)

NO_ANSWER = "the host could not answer"
"""Why a check was not made."""


def answer(host: Host, probe: Probe) -> str:
    """Return what the host answered, or the empty text."""
    return host.facts.answers.get(probe.name, "")


def owner(host: Host) -> str:
    """Return the name of the cluster whose k0s the host has, or the empty text."""
    kind, _, cluster = answer(host, STATE).partition(" ")
    return cluster if kind == "ours" else ""
