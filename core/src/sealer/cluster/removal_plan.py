"""What is taken back, and in which steps: the parts that all ways of taking back have in common."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.cluster.gone_hosts import unusable
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.session import Connections, Context
from sealer.errors import HostError
from sealer.events import Message
from sealer.model import Step, at
from sealer.operation.journal import Journal
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ABORTED, Operation

DELETE = "delete"
ROLLBACK = "rollback"
RESET = "reset"
REMOVE = "remove"
REMOVALS = frozenset({DELETE, ROLLBACK, RESET, REMOVE})
"""The verbs whose operations take things back."""

ROLLED_BACK = "rolled back"
"""How an operation ends that was taken back."""

_TIMEOUT = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What the record of an operation that takes things back says beside the request.

    Attributes:
        force: Whether hosts out of reach are left as they are.
        target: The operation that is taken back, or None for all.
    """

    force: bool = False
    target: str | None = None


def left_behind(
    context: Context, operation: Operation, connections: Connections, data: str
) -> frozenset[str]:
    """Return the hosts that are left as they are, when the user wants that of those out of reach; say so."""
    if not noted(operation, TakenBack).force:
        return frozenset()
    left = {host: found for host, found in connections.items() if isinstance(found, HostError)}
    for host, error in left.items():
        text = (
            f"{unusable(error)}: what was changed there stays, with its journal below {data}; "
            f"when it is back: sealer reset --hosts {host} --cluster-name {operation.cluster}"
        )
        context.events(Message(text=text, host=host, warning=True))
    return frozenset(left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is to be taken back.

    Attributes:
        verb: ``delete``, ``rollback`` or ``reset``.
        request: The cluster.
        force: Whether hosts that can't be reached are left as they are.
        only: The operation whose changes are meant, or None for all.
    """

    verb: str
    request: Request
    force: bool = False
    only: str | None = None


def removal_of(operation: Operation) -> Removal:
    """Return what an operation takes back.

    Raises:
        SealerError: Its record is damaged.
    """
    asked = noted(operation, TakenBack)
    return Removal(verb=operation.verb, request=request_of(operation), force=asked.force, only=asked.target)


def removal_plan(request: Request) -> Plan:
    """Return the plan of a removal: every host takes back what its journal holds, all at once."""
    return make_plan([take_back_step(host.address) for host in request.clusterfile.cluster.hosts])


def taken_back(host: str) -> str:
    """Return the name of what holds once a host has taken back what its journal holds."""
    return at("taken-back", host)


def take_back_id(host: str) -> str:
    """Return the id of the step in which a host takes back what its journal holds."""
    return at("take-back", host)


def take_back_step(host: str, *, requires: tuple[str, ...] = ()) -> Step:
    """Return the step in which a host takes back what its journal holds."""
    return Step(
        id=take_back_id(host),
        title="take back what was changed",
        host=host,
        changes=(),
        provides=(taken_back(host),),
        requires=requires,
        timeout=_TIMEOUT,
    )


def abandon(operation: Operation | None, *, state: str = ABORTED) -> None:
    """Note that an operation will not be gone on with."""
    if operation is not None:
        with Journal(operation.journal) as journal:
            journal.finished(state)
