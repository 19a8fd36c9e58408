"""Visits of steps that run on the operator's machine, beside those of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sealer.hosts.connection import Connection
from sealer.model import OPERATOR, Step
from sealer.operation.following import Tell
from sealer.operation.records import ClusterRecords
from sealer.operation.visitor import Errand, Visitor


def operator_data(home: Path, cluster: str) -> str:
    """Return the directory that is to steps on the operator's machine what a cluster's is on hosts.

    Args:
        home: Sealer's home directory.
        cluster: The cluster's name.
    """
    return str(ClusterRecords(home.absolute(), cluster).directory / "operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Makes the visits on the operator's machine in another way than those on hosts.

    Attributes:
        hosts: Makes the visits on hosts.
        operator: Makes those on the operator's machine: its journal is elsewhere.
    """

    hosts: Visitor
    operator: Visitor

    @property
    def operation(self) -> str:
        """The operation's id."""
        return self.hosts.operation

    def follows(self, first: Step, step: Step) -> bool:
        """Whether a step can be visited together with one ahead of it on the same host."""
        return self._at(first.host).follows(first, step)

    async def visit(self, steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        """Make the visit in the place's own way.

        Raises:
            SealerError: As that way does.
        """
        await self._at(connection.host).visit(steps, connection, tell)

    async def halt(self, connection: Connection, *, at_once: bool) -> None:
        """Have a visit that is going on end early.

        Raises:
            HostError: The host can't be told.
        """
        await self._at(connection.host).halt(connection, at_once=at_once)

    def _at(self, host: str) -> Visitor:
        return self.operator if host == OPERATOR else self.hosts
