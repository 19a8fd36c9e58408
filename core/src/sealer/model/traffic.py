"""Connections that hosts of a cluster make to one another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """TCP connections to one port, declared so that the ways can be tried before anything needs them.

    Attributes:
        purpose: What they are for, such as ``API server``.
        port: The port of the targets.
        sources: The names of the hosts that connect.
        targets: The names of the hosts that listen; a host that is both needs no way to itself.
    """

    purpose: str
    port: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
