"""What the engine asks of those that visit hosts for steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sealer.changes import quote
from sealer.hosts.connection import Connection
from sealer.model import Step
from sealer.operation.following import Tell

_HALT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A step that is to be visited.

    Attributes:
        step: The step.
        values: Those that were yielded so far, by step and key; all that it uses are among them.
        needs: The ids of steps ahead of it in the same visit without which it must not begin.
        again: Whether it was tried before in this run.
    """

    step: Step
    values: Mapping[tuple[str, str], str]
    needs: frozenset[str] = frozenset()
    again: bool = False


class Visitor(Protocol):
    """What the engine does to a host for steps."""

    @property
    def operation(self) -> str:
        """The operation's id."""

    def follows(self, first: Step, step: Step) -> bool:
        """Whether a step can be visited together with one ahead of it on the same host."""

    async def visit(self, steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        """Make steps hold on their host, in this order; each fails for itself.

        What becomes of each is told as soon as it is known. A step of which no end was told was not begun,
        because what it needs failed, or because the visit ended before.

        Raises:
            SealerError: Something went wrong that is no fault of a host.
        """

    async def halt(self, connection: Connection, *, at_once: bool) -> None:
        """Have a visit that is going on end behind the change that is being made, or the step.

        Raises:
            HostError: The host can't be told.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Branching:
    """Makes the visits of some steps in another way than the rest.

    Attributes:
        default: Makes the visits of the rest.
        others: What makes the visits of a step, by the step's id.
    """

    default: Visitor
    others: Mapping[str, Visitor]

    @property
    def operation(self) -> str:
        """The operation's id."""
        return self.default.operation

    def follows(self, first: Step, step: Step) -> bool:
        """Whether a step can be visited together with one ahead of it: if both go the same way."""
        visitor = self._of(first)
        return visitor is self._of(step) and visitor.follows(first, step)

    async def visit(self, steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        """Make the visit in the steps' own way.

        Raises:
            SealerError: As that way does.
        """
        await self._of(steps[0].step).visit(steps, connection, tell)

    async def halt(self, connection: Connection, *, at_once: bool) -> None:
        """Have a visit end early, whichever way it goes.

        Raises:
            HostError: The host can't be told.
        """
        await self.default.halt(connection, at_once=at_once)

    def _of(self, step: Step) -> Visitor:
        return self.others.get(step.id, self.default)


async def halt(connection: Connection, data: str, *, at_once: bool) -> None:
    """Have a script that runs on a host stop behind the running change, or the running step.

    Args:
        connection: To the host.
        data: The cluster's directory on it.
        at_once: Whether it stops behind the change.

    Raises:
        HostError: The host can't be told.
    """
    lock = quote(f"{data}/lock")
    which = "last-change" if at_once else "last-step"
    script = f"[ ! -d {lock} ] || : > {lock}/{which}"
    await connection.run_script(script, timeout=_HALT_SECONDS, apart=True)
