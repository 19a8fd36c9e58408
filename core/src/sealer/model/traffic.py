"""Connections that hosts of a cluster make to one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Connections to one port, declared so that the ways can be tried before anything needs them.

    Attributes:
        purpose: What they are for, such as ``API server``.
        port: The port of the targets.
        sources: The names of the hosts that connect.
        targets: The names of the hosts that listen; a host that is both needs no way to itself.
        protocol: TCP, or UDP as for tunnels between pods.
    """

    purpose: str
    port: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    protocol: Literal["tcp", "udp"] = "tcp"

    @property
    def listed(self) -> str:
        """The port as people write it: ``6443``, or ``8472/udp``."""
        return str(self.port) if self.protocol == "tcp" else f"{self.port}/{self.protocol}"
