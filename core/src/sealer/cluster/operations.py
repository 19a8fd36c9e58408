"""Operations on record: going on with one, giving one up, listing what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sealer.cluster.certificates import RENEWING
from sealer.cluster.foreign import write_context
from sealer.cluster.host_aliases import ALIASING
from sealer.cluster.install import INSTALLATION
from sealer.cluster.kinds import Kind
from sealer.cluster.leaving import leave
from sealer.cluster.mending import MENDING
from sealer.cluster.pruning import PRUNING
from sealer.cluster.removal import take_back
from sealer.cluster.removal_plan import REMOVALS, REMOVE, abandon
from sealer.cluster.request import request_of
from sealer.cluster.rotation import ROTATION
from sealer.cluster.session import Context, reach_for
from sealer.cluster.upgrading import UPGRADING
from sealer.errors import RecordDamaged
from sealer.hosts.secret import Redactor
from sealer.operation.engine import Summary
from sealer.operation.journal import History
from sealer.operation.records import ClusterRecords, Operation

OPEN = "open"

_KINDS = {kind.verb: kind for kind in (ALIASING, MENDING, PRUNING, RENEWING, ROTATION, UPGRADING)}


def kind_of(operation: Operation) -> Kind:
    """Return what kind an operation is that takes nothing back."""
    return _KINDS.get(operation.verb, INSTALLATION)


async def resume(context: Context, records: ClusterRecords) -> Summary:
    """Go on with the operation that is open.

    Raises:
        SealerError: No operation is open, or whatever stands in the way.
    """
    redactor = Redactor()
    with records.lock("resume"):
        operation = records.require_open("resume")
        request = request_of(operation)
        write_context(request)
        async with reach_for(context, request, redactor) as connections:
            if operation.verb == REMOVE:
                return await leave(context, records, operation, connections, redactor)
            if operation.verb in REMOVALS:
                return await take_back(context, records, operation, connections, redactor)
            return await kind_of(operation).carry_on(context, records, operation, connections, redactor)


def abort(records: ClusterRecords) -> Operation:
    """Give the open operation up: what it did stays, and others may begin.

    Raises:
        SealerError: No operation is open.
        OperationLocked: It is running.
    """
    with records.lock("abort"):
        operation = records.require_open("abort")
        abandon(operation)
        return operation


def to_abort(records: ClusterRecords) -> Operation:
    """Return the operation that would be given up.

    Raises:
        SealerError: No operation is open.
        OperationLocked: It is running.
    """
    records.require_unlocked()
    return records.require_open("abort")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSummary:
    """An operation for people: its id, verb, state, and what became of its steps, by id.

    ``damage`` says what is the matter with its record, if anything is.
    """

    id: str
    verb: str
    state: str
    image: str
    steps: Mapping[str, str]
    log: str
    damage: str

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "id": self.id,
            "verb": self.verb,
            "state": self.state,
            "image": self.image,
            "done": sum(state == "done" for state in self.steps.values()),
            "steps": dict(self.steps),
            "log": self.log,
            "damage": self.damage,
        }


def _became(step: str, history: History) -> str:
    if step in history.failed:
        return f"failed: {history.failed[step]}"
    return "done" if step in history.done else "started"


def summarise(operation: Operation) -> OperationSummary:
    """Return what is on record of an operation."""
    history = operation.history()
    image = damage = ""
    try:
        image = request_of(operation).subject
    except RecordDamaged as error:
        damage = f"{error}; {error.hint}"
    return OperationSummary(
        id=operation.id,
        verb=operation.verb,
        state=history.finished or OPEN,
        image=image,
        steps={step: _became(step, history) for step in history.started},
        log=str(operation.log),
        damage=damage,
    )
