"""Core's own host checks: what any cluster needs, whatever its distribution."""

from sealer.cluster.checks.access import access_findings
from sealer.cluster.checks.between import PortsReachable
from sealer.cluster.checks.catalogue import core_checks, leave_out
from sealer.cluster.checks.given import Given, Room
from sealer.cluster.checks.judging import describe_finding, group, judge, refuse
from sealer.cluster.checks.together import Round, ask_together

__all__ = [
    "Given",
    "PortsReachable",
    "Room",
    "Round",
    "access_findings",
    "ask_together",
    "core_checks",
    "describe_finding",
    "group",
    "judge",
    "leave_out",
    "refuse",
]
