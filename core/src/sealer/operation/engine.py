"""Drives a plan: every step as soon as what it waits for is done, one at a time on each host."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sealer.errors import HostError, HostsFailed, Interrupted, SealerError
from sealer.events import EventSink, OperationFinished, Outcome, StepFinished, StepStarted
from sealer.hosts.connection import Connection
from sealer.model import Step
from sealer.operation.journal import DoneStep, History, Journal
from sealer.operation.plan import Plan, fingerprint
from sealer.operation.visit import Visit, Visitor

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a run of a plan went. ``values`` are all values that its steps yielded."""

    changed: int
    unchanged: int
    values: Mapping[tuple[str, str], str] = field(repr=False)


class Engine:
    """Runs one plan once.

    Args:
        plan: What to do.
        connections: A connection for each host of the plan, or why there is none.
        visitor: Makes the visits.
        journal: Gets every transition before work goes on.
        history: What an earlier run of the same operation did.
        concurrency: How many hosts are worked on at one time.
        fail_fast: Whether no step is started after the first failure.
        events: Gets what happens.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        connections: Mapping[str, Connection | HostError],
        visitor: Visitor,
        journal: Journal,
        history: History,
        concurrency: int,
        events: EventSink,
        fail_fast: bool = False,
    ) -> None:
        self._plan = plan
        self._connections = connections
        self._visitor = visitor
        self._journal = journal
        self._concurrency = concurrency
        self._fail_fast = fail_fast
        self._events = events
        self._values: dict[tuple[str, str], str] = {}
        self._failures: dict[str, SealerError] = {}
        self._ended: set[str] = set()
        self._stopping = False
        self._changed = self._unchanged = 0
        self._skipped = skippable(plan, history)
        for identity in self._skipped:
            for key, text in history.done[identity].values.items():
                self._values[identity, key] = text
        self._order = {step.id: number for number, step in enumerate(plan.steps)}
        self._by_id = {step.id: step for step in plan.steps}
        self._waiting = {
            step.id: set(plan.waits_for[step.id] - self._skipped)
            for step in plan.steps
            if step.id not in self._skipped
        }
        self._followers: dict[str, list[str]] = defaultdict(list)
        for identity, needed in self._waiting.items():
            for other in needed:
                self._followers[other].append(identity)
        self._ready: dict[str, list[tuple[int, str]]] = defaultdict(list)

    @property
    def skipped(self) -> frozenset[str]:
        """The steps that an earlier run did and that need not be visited again."""
        return self._skipped

    def stop(self) -> None:
        """Start no further steps; those that run are finished, then ``run`` raises ``Interrupted``."""
        self._stopping = True

    async def run(self) -> Summary:
        """Run the plan to its end, as far as failures let it.

        Raises:
            HostsFailed: Some steps failed; all that did not depend on them were done.
            Interrupted: ``stop`` was called.
        """
        began = time.monotonic()
        for identity, needed in self._waiting.items():
            if not needed:
                self._make_ready(identity)
        running: dict[asyncio.Task[None], str] = {}
        busy: set[str] = set()
        try:
            while True:
                if not self._stopping:
                    for step in self._startable(busy, self._concurrency - len(running)):
                        busy.add(step.host)
                        running[asyncio.create_task(self._run_step(step))] = step.host
                if not running:
                    break
                finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    busy.discard(running.pop(task))
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        self._report(time.monotonic() - began)
        return Summary(changed=self._changed, unchanged=self._unchanged, values=self._values)

    def _startable(self, busy: set[str], room: int) -> list[Step]:
        """Take the first ready step of each idle host, in the plan's order, as many as there is room for."""
        idle = [(queue[0], host) for host, queue in self._ready.items() if queue and host not in busy]
        chosen = heapq.nsmallest(max(room, 0), idle)
        return [self._by_id[heapq.heappop(self._ready[host])[1]] for _, host in chosen]

    def _make_ready(self, identity: str) -> None:
        heapq.heappush(self._ready[self._by_id[identity].host], (self._order[identity], identity))

    async def _run_step(self, step: Step) -> None:
        began = time.monotonic()
        await self._journal.started(step.id)
        try:
            visit = await self._visit_with_retries(step)
        except asyncio.CancelledError:
            self._finish(step, Outcome.INTERRUPTED, began)
            raise
        except SealerError as error:
            self._failures[step.id] = error
            if self._fail_fast:
                self.stop()
            await self._journal.failed(step.id, str(error))
            self._finish(step, Outcome.FAILED, began, error=str(error))
            return
        secret = {o.key for change in step.changes for o in change.outputs if o.secret}
        plain = {key: text for key, text in visit.values.items() if key not in secret}
        await self._journal.done(step.id, DoneStep(fingerprint=fingerprint(step), values=plain))
        for key, text in visit.values.items():
            self._values[step.id, key] = text
        if visit.changed:
            self._changed += 1
        else:
            self._unchanged += 1
        outcome = Outcome.CHANGED if visit.changed else Outcome.UNCHANGED
        self._finish(step, outcome, began, changes=visit.changed)
        for follower in self._followers[step.id]:
            self._waiting[follower].discard(step.id)
            if not self._waiting[follower]:
                self._make_ready(follower)

    async def _visit_with_retries(self, step: Step) -> Visit:
        connection = self._connections[step.host]
        if isinstance(connection, HostError):
            raise connection
        pause = FIRST_PAUSE
        for attempt in range(1, step.retries + 2):
            event = StepStarted(step=step.id, title=step.title, host=step.host, attempt=attempt)
            self._events(event)
            try:
                return await self._visitor.visit(step, connection, self._values)
            except HostError as error:
                if not error.retryable or attempt > step.retries or self._stopping:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def _finish(
        self,
        step: Step,
        outcome: Outcome,
        began: float,
        *,
        changes: tuple[str, ...] = (),
        error: str | None = None,
    ) -> None:
        self._ended.add(step.id)
        self._events(
            StepFinished(
                step=step.id,
                title=step.title,
                host=step.host,
                outcome=outcome,
                seconds=time.monotonic() - began,
                changes=changes,
                error=error,
            )
        )

    def _report(self, seconds: float) -> None:
        """Announce what failures blocked and the end, and raise what went wrong."""
        unstarted = [identity for identity in self._waiting if identity not in self._ended]
        for identity in () if self._stopping else unstarted:
            self._finish(self._by_id[identity], Outcome.BLOCKED, time.monotonic())
        undone = len(unstarted)
        self._events(
            OperationFinished(
                operation=self._visitor.operation,
                failed=len(self._failures),
                blocked=undone,
                changed=self._changed,
                unchanged=self._unchanged,
                seconds=seconds,
            )
        )
        if self._failures:
            raise HostsFailed(
                f"{len(self._failures)} of {len(self._plan.steps)} steps failed, {undone} were not started",
                failures=self._failures,
            )
        if self._stopping and undone:
            raise Interrupted(f"stopped with {undone} of {len(self._plan.steps)} steps not started")


def skippable(plan: Plan, history: History) -> frozenset[str]:
    """Return the steps an earlier run did, less those whose secret values are needed once more."""
    done = {
        step.id
        for step in plan.steps
        if step.id in history.done and history.done[step.id].fingerprint == fingerprint(step)
    }
    by_id = {step.id: step for step in plan.steps}
    # A step that is visited again may itself use secrets of an earlier one; later steps come first here.
    for step in reversed(plan.steps):
        if step.id in done:
            continue
        for source, key in step.uses():
            secrets = {o.key for change in by_id[source].changes for o in change.outputs if o.secret}
            if key in secrets:
                done.discard(source)
    return frozenset(done)
