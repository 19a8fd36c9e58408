"""The questions that are put to every host, and how their answers are read."""

from __future__ import annotations

from sealer.kubernetes import PORTS
from sealer.model import Host, Probe
from sealer_runtime_k8s import fragments

STATE = Probe(name="kubernetes/state", script=fragments.STATE_PROBE)
MISSING = Probe(name="kubernetes/missing-programs", script=fragments.PROGRAMS_PROBE)
SWAP = Probe(name="kubernetes/swap", script=fragments.SWAP_PROBE)
NETWORKS = Probe(name="kubernetes/networks", script=fragments.NETWORKS_PROBE)
NETWORK_LEFTOVERS = Probe(name="kubernetes/network-leftovers", script=fragments.NETWORK_LEFTOVERS_PROBE)
SHARE = Probe(name="kubernetes/disk-share", script=fragments.DISK_SHARE_PROBE)
MODULES = Probe(name="kubernetes/modules", script=fragments.MODULES_PROBE)
ALL = (STATE, PORTS, MISSING, MODULES, SWAP, NETWORKS, NETWORK_LEFTOVERS, SHARE)

LOADED, AVAILABLE, ABSENT = "loaded", "available", "absent"


def answer(host: Host, probe: Probe) -> str:
    """Return what the host answered, or the empty text."""
    return host.facts.answers.get(probe.name, "")


def module_state(host: Host, module: str) -> str:
    """Return whether a kernel module is loaded, available or absent; absent when nothing is known."""
    lines = (line.split() for line in answer(host, MODULES).splitlines())
    states = {words[0]: words[1] for words in lines if len(words) == 2}
    return str(states.get(module, ABSENT))


def owner(host: Host) -> str:
    """Return the name of the cluster whose kubelet the host has, or the empty text."""
    kind, _, cluster = answer(host, STATE).partition(" ")
    return cluster if kind == "ours" else ""
