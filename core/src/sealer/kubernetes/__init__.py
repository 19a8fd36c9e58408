"""What all distributions of Kubernetes have in common once they run; cluster runtimes share it."""

from sealer.kubernetes.checks import PORTS, NodeNames, PortsFree, listening_ports
from sealer.kubernetes.leaving import drain_command, is_forgotten, require_quorum, speaker
from sealer.kubernetes.marks import Taint, mark_step, parse_taint, taint_holds
from sealer.kubernetes.units import UnitRuns

__all__ = [
    "PORTS",
    "NodeNames",
    "PortsFree",
    "Taint",
    "UnitRuns",
    "drain_command",
    "is_forgotten",
    "listening_ports",
    "mark_step",
    "parse_taint",
    "require_quorum",
    "speaker",
    "taint_holds",
]
