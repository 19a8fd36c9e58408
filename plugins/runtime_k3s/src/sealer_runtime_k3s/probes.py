"""The questions that are put to every host."""

from __future__ import annotations

from sealer.kubernetes import PORTS
from sealer.model import Probe
from sealer_runtime_k3s import fragments

STATE = Probe(name="k3s/state", script=fragments.STATE_PROBE)
ALL = (STATE, PORTS)
