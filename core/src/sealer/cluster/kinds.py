"""What all kinds of operations share that are planned from their record: begun, gone on with, looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sealer.cluster.comparison import compare
from sealer.cluster.foreign import write_context
from sealer.cluster.outlook import Outlook
from sealer.cluster.request import Request, request_of
from sealer.cluster.session import (
    Connections,
    Context,
    applying,
    drive,
    reach,
    reach_for,
    require_all,
)
from sealer.cluster.state import save_state
from sealer.hosts.secret import Redactor
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan
from sealer.operation.records import ClusterRecords, Operation

NOTHING: Mapping[str, Any] = MappingProxyType({})

Remember = Callable[[ClusterRecords, Request], None]


def leave_state(records: ClusterRecords, request: Request) -> None:
    """Leave what is remembered of a cluster as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of operation.

    Attributes:
        verb: What it does, as the ids of operations say it.
        plan: Makes the plan from the record alone.
        begun: Called with the recorded request whenever the hosts are about to be changed.
        done: Called with it when everything is done. It may be called again when the process is killed then.
    """

    verb: str
    plan: Callable[[Context, Operation], Plan]
    begun: Remember = leave_state
    done: Remember = save_state

    async def begin(
        self,
        context: Context,
        records: ClusterRecords,
        request: Request,
        *,
        before: Request,
        beside: Mapping[str, Any] = NOTHING,
    ) -> Summary:
        """Reach all hosts of a cluster, write an operation down, and drive it.

        Args:
            context: What a verb needs from outside.
            records: Of the cluster, which is locked.
            request: What the cluster is to be.
            before: What was remembered of it until now.
            beside: What the record says beside the request.

        Raises:
            HostError: A host can't be reached; nothing was written down.
            HostsFailed: Something could not be done; the operation can be resumed.
        """
        redactor = Redactor()
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            require_all(connections)
            operation = records.begin(self.verb, {**request.to_plain(), **beside}, before=before.to_plain())
            return await self.carry_on(context, records, operation, connections, redactor)

    async def carry_on(
        self,
        context: Context,
        records: ClusterRecords,
        operation: Operation,
        connections: Connections,
        redactor: Redactor,
        *,
        plan: Plan | None = None,
    ) -> Summary:
        """Drive an operation from its record, from where it was.

        Args:
            context: What a verb needs from outside.
            records: Of the cluster, which is locked.
            operation: On record.
            connections: To all its hosts.
            redactor: Takes secrets out of what hosts print.
            plan: Its plan, where it has just been made.

        Raises:
            SealerError: Its record is damaged, or a plugin is missing.
            HostsFailed: Something could not be done.
            Interrupted: The user stopped it.
        """
        request = request_of(operation)
        plan = plan or self.plan(context, operation)
        self.begun(records, request)
        make_visitor = applying(context, request.clusterfile.cluster.data, operation, redactor)

        def conclude() -> None:
            self.done(records, request)

        # Nobody may clear away the blobs that are still to be sent.
        with context.store.lease():
            return await drive(context, operation, plan, connections, make_visitor, conclude=conclude)


async def look_at(context: Context, request: Request, plan: Plan, *, verb: str) -> Outlook:
    """Say what a plan would do: its steps are compared with the live hosts, and nothing is changed.

    Args:
        context: What a verb needs from outside.
        request: What the plan was made from.
        plan: The plan.
        verb: Of the operation that would be begun.

    Raises:
        SealerError: A host can't be reached or asked.
    """
    redactor = Redactor()
    write_context(request)
    async with reach_for(context, request, redactor) as connections:
        return await look_through(context, request, plan, connections, redactor, verb=verb)


async def look_through(
    context: Context,
    request: Request,
    plan: Plan,
    connections: Connections,
    redactor: Redactor,
    *,
    verb: str,
) -> Outlook:
    """Do the same as ``look_at`` through connections that there are.

    Raises:
        SealerError: A host can't be reached or asked.
    """
    spec = request.clusterfile.cluster
    return Outlook(
        verb=verb,
        cluster=spec.name,
        image=request.subject,
        hosts=tuple(host.address for host in spec.hosts),
        steps=await compare(context, plan, spec.data, connections, redactor),
    )
