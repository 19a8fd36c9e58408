"""The questions that are put to every host."""

from __future__ import annotations

from sealer.kubernetes import PORTS
from sealer.model import Probe
from sealer_runtime_k0s import fragments

STATE = Probe(name="k0s/state", script=fragments.STATE_PROBE)
OOM = Probe(name="k0s/oom", script=fragments.OOM_PROBE)
ALL = (STATE, PORTS, OOM)
