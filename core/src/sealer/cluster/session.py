"""What every verb shares: reaching the hosts, observing them, and driving a plan under the cluster's lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sealer.cluster.access import Access, step_secret, targets
from sealer.cluster.request import Request
from sealer.clusterfile import ClusterSpec
from sealer.errors import HostError, HostsFailed, Interrupted, SealerError
from sealer.events import Event, EventSink, OperationStarted
from sealer.hosts.connection import Connection
from sealer.hosts.facts import observe
from sealer.hosts.local import LocalConnection
from sealer.hosts.pool import close_connections, open_connections
from sealer.hosts.secret import Redactor
from sealer.image.store import ImageStore
from sealer.model import OPERATOR, Facts, Probe
from sealer.operation.engine import Engine, Summary
from sealer.operation.journal import Journal
from sealer.operation.passing import FAN_OUT, Passing
from sealer.operation.places import Places, operator_data
from sealer.operation.plan import Plan
from sealer.operation.records import DONE, Operation
from sealer.operation.visit import Applier
from sealer.operation.visitor import Visitor
from sealer.plugins import Plugins
from sealer.secret import Secret

Found = TypeVar("Found")

Connections = Mapping[str, Connection | HostError]
"""The connection to each host by its address, or why there is none."""

MakeVisitor = Callable[[EventSink, Passing], Visitor]
"""Makes what makes the visits of an operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a verb needs from outside.

    Attributes:
        home: Where Sealer keeps its files on the operator's machine.
        plugins: The providers.
        events: Gets what happens.
        access: What the operator decides about reaching hosts.
        log: Opens the log of an operation: a sink of events that writes to that file.
        on_stop: Takes the function to call when the user wants to stop.
        concurrency: How many hosts are worked on at one time.
        fail_fast: Whether the first failure ends an operation when what runs is done.
        uploads: How many hosts are sent to at one time.
        fan_out: To how many others each host passes image layers on.
        dry: Whether nothing may be changed, here neither: no image is pulled.
    """

    home: Path
    plugins: Plugins
    events: EventSink
    access: Access
    log: Callable[[Path], AbstractContextManager[EventSink]]
    on_stop: Callable[[Callable[[], None]], None]
    concurrency: int = 30
    uploads: int = 5
    fan_out: int = FAN_OUT
    fail_fast: bool = False
    dry: bool = False

    @property
    def store(self) -> ImageStore:
        """The image store."""
        return ImageStore(self.home)

    def fetch_secret(self, where: Secret | str) -> Secret:
        """Return the secret of a step.

        Raises:
            SealerError: It can't be had.
        """
        return step_secret(where, self.access, self.home)


@asynccontextmanager
async def reach(context: Context, spec: ClusterSpec, redactor: Redactor) -> AsyncIterator[Connections]:
    """Connect to all hosts of a cluster, many at a time, and close the connections in the end."""
    connections = await open_connections(targets(spec, context.access, redactor), limit=context.concurrency)
    try:
        yield connections
    finally:
        await close_connections(connections.values())


@asynccontextmanager
async def reach_for(context: Context, request: Request, redactor: Redactor) -> AsyncIterator[Connections]:
    """Connect to what a request is about: hosts, or this machine for a cluster that we did not make."""
    spec = request.clusterfile.cluster
    if request.foreign is None:
        async with reach(context, spec, redactor) as connections:
            yield connections
        return
    local = {host.address: LocalConnection(host.address) for host in spec.hosts}
    try:
        yield local
    finally:
        await close_connections(local.values())


def require_all(connections: Connections) -> Mapping[str, Connection]:
    """Return the connections if there is one to every host.

    Raises:
        HostError: One host can't be reached.
        HostsFailed: Several can't.
    """
    return _sound(connections, "used")


def _sound(outcomes: Mapping[str, Found | HostError], what: str) -> Mapping[str, Found]:
    """Return what there is of each host, if there is something of all.

    Args:
        outcomes: What was found, or why not, by host.
        what: What hosts can't be when there is nothing, for the message.

    Raises:
        HostError: There is nothing of one host.
        HostsFailed: There is nothing of several.
    """
    failures = {host: found for host, found in outcomes.items() if isinstance(found, HostError)}
    if len(failures) == 1:
        raise next(iter(failures.values()))
    if failures:
        raise HostsFailed(
            f"{len(failures)} of {len(outcomes)} hosts can't be {what}", failures=failures, resumable=False
        )
    return {host: found for host, found in outcomes.items() if not isinstance(found, HostError)}


async def observe_all(
    context: Context, connections: Mapping[str, Connection], probes: tuple[Probe, ...], data_root: str
) -> Mapping[str, Facts]:
    """Observe all hosts, in one round trip each.

    Raises:
        HostError: A host's answer can't be read.
        HostsFailed: Those of several can't.
    """
    gate = asyncio.Semaphore(context.concurrency)

    async def attempt(connection: Connection) -> Facts | HostError:
        async with gate:
            try:
                return await observe(connection, probes=probes, data_root=data_root)
            except HostError as error:
                return error

    found_facts = await asyncio.gather(*(attempt(connection) for connection in connections.values()))
    outcomes = dict(zip(connections, found_facts, strict=True))
    return _sound(outcomes, "observed")


@asynccontextmanager
async def and_operator(plan: Plan, connections: Connections) -> AsyncIterator[Connections]:
    """Add this machine to the connections if a plan has steps here, and close that one in the end."""
    if OPERATOR not in plan.hosts:
        yield connections
        return
    local = LocalConnection(OPERATOR)
    try:
        yield {**connections, OPERATOR: local}
    finally:
        await local.close()


def applying(context: Context, data: str, operation: Operation, redactor: Redactor) -> MakeVisitor:
    """Return what makes the visits in which changes are applied, once it knows who gets the events.

    Args:
        context: What a verb needs from outside.
        data: The cluster's directory on hosts.
        operation: Which operation.
        redactor: Takes secrets out of what hosts print.
    """
    uploads = asyncio.Semaphore(context.uploads)

    def make_applier(events: EventSink, passing: Passing) -> Visitor:
        hosts = Applier(
            data=data,
            operation=operation.id,
            blobs=context.store,
            uploads=uploads,
            events=events,
            redactor=redactor,
            fetch=context.fetch_secret,
            passing=passing,
        )
        # What is unpacked here takes no turn from what is sent to hosts.
        here = operator_data(context.home, operation.cluster)
        operator = replace(hosts, data=here, uploads=asyncio.Semaphore(1), passing=None)
        return Places(hosts=hosts, operator=operator)

    return make_applier


async def drive(
    context: Context,
    operation: Operation,
    plan: Plan,
    connections: Connections,
    make_visitor: MakeVisitor,
    *,
    conclude: Callable[[], None] = lambda: None,
) -> Summary:
    """Run the plan of an operation, from where an earlier run left it, and note its end.

    Args:
        context: What a verb needs from outside.
        operation: Which operation.
        plan: What it does.
        connections: To all hosts.
        make_visitor: Makes what makes the visits.
        conclude: Called when all is done and the journal does not say so yet. It is called again when the
            process is killed before that, and the operation resumed.

    Raises:
        HostsFailed: Some steps failed; the hint says how to resume.
        Interrupted: The user stopped it; the hint says how to resume.
    """
    for where in [where for step in plan.steps for where in step.secrets.values()]:
        # Who is to be asked is asked before anything is done, and what is missing is said.
        context.fetch_secret(where)
    history = operation.history()
    hint = f"go on with: sealer resume {operation.cluster}   log: {operation.log}"
    async with AsyncExitStack() as stack:
        log = stack.enter_context(context.log(operation.log))
        journal = stack.enter_context(Journal(operation.journal))
        everywhere = await stack.enter_async_context(and_operator(plan, connections))

        def events(event: Event) -> None:
            log(event)
            context.events(event)

        passing = await stack.enter_async_context(Passing(plan.steps, fan_out=context.fan_out, events=events))
        engine = Engine(
            plan=plan,
            connections=everywhere,
            visitor=make_visitor(events, passing),
            journal=journal,
            history=history,
            concurrency=context.concurrency,
            fail_fast=context.fail_fast,
            events=events,
        )
        context.on_stop(engine.stop)
        events(
            OperationStarted(
                operation=operation.id,
                verb=operation.verb,
                cluster=operation.cluster,
                hosts=plan.hosts,
                steps=len(plan.steps),
                done=len(engine.skipped),
                log=str(operation.log),
            )
        )
        try:
            summary = await engine.run()
            conclude()
            journal.finished(DONE)
        except (HostsFailed, Interrupted) as error:
            error.hint = hint
            raise
        except asyncio.CancelledError as error:
            text = "stopped at once; scripts that have begun on hosts run on to their end there"
            raise Interrupted(text, hint=hint) from error
        except SealerError as error:
            error.hint = f"{error.hint}; {hint}" if error.hint else hint
            raise
    return summary
