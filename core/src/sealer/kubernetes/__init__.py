"""What distributions of Kubernetes have in common; cluster runtimes and container runtimes share it."""

from sealer.kubernetes.answers import IN_SHORT
from sealer.kubernetes.checks import PORTS, HostsApart, NodeNames, PortsFree, listening_ports
from sealer.kubernetes.cni import CNI_PROGRAMS, cni_programs
from sealer.kubernetes.containers import END_PODS, end_containers
from sealer.kubernetes.control_groups import ControlGroupsFit, refuses_control_groups
from sealer.kubernetes.environment import environment_on
from sealer.kubernetes.joining import JOINS
from sealer.kubernetes.leaving import (
    clearing_step,
    drain_command,
    forget_command,
    is_forgotten,
    leave_in_turn,
    leaving_masters,
    persistent,
    removal_step,
    require_quorum,
    speaker,
)
from sealer.kubernetes.marks import Taint, mark_step, parse_taint, taint_holds
from sealer.kubernetes.needs import host_needs
from sealer.kubernetes.occupancy import MARK, Unused, occupancy, owner, told
from sealer.kubernetes.one_program import NewProgram, program_upgrade
from sealer.kubernetes.pause import pause_image
from sealer.kubernetes.releases import cni_components, cni_downloads, release_minor, require_platform
from sealer.kubernetes.scripts import brings_script, image_script, script_path
from sealer.kubernetes.sockets import remote_endpoint
from sealer.kubernetes.units import UnitRuns
from sealer.kubernetes.upgrades import (
    GATE_SECONDS,
    in_turns,
    moved_away,
    ready_with,
    require_way,
    takes_pods_again,
)

__all__ = [
    "CNI_PROGRAMS",
    "END_PODS",
    "GATE_SECONDS",
    "IN_SHORT",
    "JOINS",
    "MARK",
    "PORTS",
    "ControlGroupsFit",
    "HostsApart",
    "NewProgram",
    "NodeNames",
    "PortsFree",
    "Taint",
    "UnitRuns",
    "Unused",
    "brings_script",
    "clearing_step",
    "cni_components",
    "cni_downloads",
    "cni_programs",
    "drain_command",
    "end_containers",
    "environment_on",
    "forget_command",
    "host_needs",
    "image_script",
    "in_turns",
    "is_forgotten",
    "leave_in_turn",
    "leaving_masters",
    "listening_ports",
    "mark_step",
    "moved_away",
    "occupancy",
    "owner",
    "parse_taint",
    "pause_image",
    "persistent",
    "program_upgrade",
    "ready_with",
    "refuses_control_groups",
    "release_minor",
    "remote_endpoint",
    "removal_step",
    "require_platform",
    "require_quorum",
    "require_way",
    "script_path",
    "speaker",
    "taint_holds",
    "takes_pods_again",
    "told",
]
