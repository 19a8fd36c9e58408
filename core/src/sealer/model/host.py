"""A host of a cluster and what was observed on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sealer.model.image import EMPTY, Platform

MASTER = "master"
NODE = "node"


def bracketed(address: str) -> str:
    """Return an address or a name as it stands before a port (RFC 3986, section 3.2.2): IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question to every host, asked in the one round trip in which hosts are observed.

    Attributes:
        name: Its name among the facts of a host; a plugin prefixes its own, as ``containerd/version``.
        script: POSIX sh that only reads and prints the answer; a final newline is dropped. When it
            fails the answer is the empty text.
        writes: Whether it writes something for a moment, to measure how that goes. Only the second round may
            have such questions (``Check.probes_for``), and nobody who only plans asks them.
    """

    name: str
    script: str
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was observed on a host, in one round trip.

    Attributes:
        hostname: As ``uname -n`` says.
        platform: Operating system and architecture in OCI terms.
        operating_system: ``ID`` and ``VERSION_ID`` of os-release, as ``debian 12``.
        kernel: As ``uname -r`` says.
        init: ``systemd``, ``openrc``, ``sysvinit`` or ``unknown``.
        machine_id: Of /etc/machine-id, or "".
        clock_offset: Seconds the host's clock is ahead of the operator's (negative: behind).
        cpus: Number of processors.
        memory: Bytes.
        disk_free: Free bytes of the file system that holds the data root.
        cgroup_version: 1 or 2.
        address: The host's own address that it was reached by, or else the one it speaks from; "" when it is
            not known.
        answers: The answers to the probes, by name.
    """

    hostname: str
    platform: Platform
    operating_system: str
    kernel: str
    init: str
    machine_id: str
    clock_offset: float
    cpus: int
    memory: int
    disk_free: int
    cgroup_version: int
    address: str = ""
    answers: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host as plans and providers see it.

    Attributes:
        name: Its name in plans and messages: the address as the user wrote it.
        address: The IP address the other hosts reach it by.
        roles: ``master``, ``node``, or roles of the user's own.
        env: Environment of this host, over that of the cluster.
        facts: What was observed on it.
    """

    name: str
    address: str
    roles: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    taints: tuple[str, ...] = ()
    facts: Facts

    @property
    def loopback(self) -> str:
        """The loopback address of the family of its address: a program that serves one has no other."""
        return "::1" if ":" in self.address else "127.0.0.1"

    @property
    def is_master(self) -> bool:
        """Whether the control plane runs here."""
        return MASTER in self.roles
