"""The questions that are put to every host, and how their answers are read."""

from __future__ import annotations

from sealer.model import Host, Probe
from sealer_runtime_k8s import fragments

STATE = Probe(name="kubernetes/state", script=fragments.STATE_PROBE)
PORTS = Probe(name="kubernetes/ports", script=fragments.PORTS_PROBE)
MISSING = Probe(name="kubernetes/missing-programs", script=fragments.PROGRAMS_PROBE)
MODULES = Probe(name="kubernetes/modules", script=fragments.MODULES_PROBE)
ALL = (STATE, PORTS, MISSING, MODULES)

LOADED, AVAILABLE, ABSENT = "loaded", "available", "absent"


def answer(host: Host, probe: Probe) -> str:
    """Return what the host answered, or the empty text."""
    return host.facts.answers.get(probe.name, "")


def module_state(host: Host, module: str) -> str:
    """Return whether a kernel module is loaded, available or absent; absent when nothing is known."""
    states = dict(line.split() for line in answer(host, MODULES).splitlines())
    return str(states.get(module, ABSENT))


def listening_ports(host: Host) -> frozenset[int]:
    """Return the TCP ports on which something listens."""
    return frozenset(int(word, 16) for word in answer(host, PORTS).split())


def owner(host: Host) -> str:
    """Return the name of the cluster whose kubelet the host has, or the empty text."""
    kind, _, cluster = answer(host, STATE).partition(" ")
    return cluster if kind == "ours" else ""
