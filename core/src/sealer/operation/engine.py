"""Drives a plan: every step as soon as what it waits for is done, one after another on each host.

Steps of one host that are ready together are visited together. What is tried again is what a lost connection
interrupted, for what was begun on a host goes on there and is waited for, and changes that say they are
repeatable; nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sealer.errors import HostError, HostsFailed, Interrupted, SealerError
from sealer.events import EventSink, OperationFinished, Outcome, StepFinished, StepStarted
from sealer.hosts.connection import Connection
from sealer.model import Step
from sealer.operation.following import Notice, Visit
from sealer.operation.journal import DoneStep, History, Journal
from sealer.operation.plan import Plan, fingerprint
from sealer.operation.schedule import Schedule
from sealer.operation.visitor import Errand, Visitor

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between two attempts: doubled each time, and each time shortened by up to a half, by lot, so that
hosts that were lost together do not come back together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a run of a plan went.

    Attributes:
        done: Of each step that was done in this run, whether it changed something.
        values: All values that the steps of the plan yielded.
    """

    done: Mapping[str, bool] = field(default_factory=dict)
    values: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)

    @property
    def changed(self) -> int:
        """How many steps changed something."""
        return sum(self.done.values())

    @property
    def unchanged(self) -> int:
        """How many steps found everything as it should be."""
        return len(self.done) - self.changed


class _Visited:
    """A visit that is going on: what it tells, and what became of it.

    Attributes:
        steps: Those of the visit.
        told: What was told and not yet taken.
        news: Is set when something was told.
        begun: The steps that have begun and of whose end nothing was told.
        began: When the step that runs began.
        pause: Seconds to wait until it is tried again.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.told: deque[tuple[Step, Notice | Visit | SealerError]] = deque()
        self.news = asyncio.Event()
        self.begun: list[Step] = []
        self.began = time.monotonic()
        self.pause = 0.0

    def tell(self, step: Step, what: Notice | Visit | SealerError) -> None:
        """Take what happens to a step."""
        self.told.append((step, what))
        self.news.set()

    def begin(self, step: Step) -> None:
        """Take that a step begins."""
        self.began = time.monotonic()
        self.begun.append(step)

    def end(self, step: Step) -> None:
        """Take that a step has ended."""
        if step in self.begun:
            self.begun.remove(step)


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
        self._stopping = False
        self._interrupted = 0
        self._done: dict[str, bool] = {}
        self._visits: dict[str, _Visited] = {}
        self._attempts: Counter[str] = Counter()
        self._news = asyncio.Event()
        self._stopped = asyncio.Event()
        self._halting: set[asyncio.Task[None]] = set()
        self._skipped = skippable(plan, history)
        for identity in self._skipped:
            for key, text in history.done[identity].values.items():
                self._values[identity, key] = text
        self._schedule = Schedule(plan, self._skipped, visitor.follows)

    @property
    def skipped(self) -> frozenset[str]:
        """The steps that an earlier run did and that need not be visited again."""
        return self._skipped

    def stop(self) -> None:
        """Start nothing more; when the changes that run are made, ``run`` raises ``Interrupted``."""
        self._stop(at_once=True)

    async def run(self) -> Summary:
        """Run the plan to its end, as far as failures let it.

        Raises:
            HostsFailed: Some steps failed; all that did not depend on them were done.
            Interrupted: ``stop`` was called.
        """
        began = time.monotonic()
        running: dict[asyncio.Task[None], str] = {}
        news: asyncio.Task[Any] = asyncio.create_task(self._news.wait())
        try:
            while True:
                self._news.clear()
                if not self._stopping:
                    room = self._concurrency - len(running)
                    for steps in self._schedule.take(set(running.values()), room, self._values.keys()):
                        running[asyncio.create_task(self._run_steps(steps))] = steps[0].host
                if not running:
                    break
                if news.done():
                    news = asyncio.create_task(self._news.wait())
                await asyncio.wait({news, *running}, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in running if task.done()]:
                    del running[task]
                    task.result()
        finally:
            for task in (news, *running, *self._halting):
                task.cancel()
            await asyncio.gather(news, *running, *self._halting, return_exceptions=True)
        self._report(time.monotonic() - began)
        return Summary(done=self._done, values=self._values)

    async def _run_steps(self, steps: Sequence[Step]) -> None:
        """Visit steps of one host together, once, and wait before what can be tried again is ready again."""
        host = steps[0].host
        visited = self._visits[host] = _Visited(steps)
        try:
            await asyncio.gather(*(self._journal.started(step.id) for step in steps))
            connection = self._connections[host]
            if isinstance(connection, HostError):
                await self._fail(steps[0], connection, visited.began)
            else:
                await self._visit(visited, connection)
        except asyncio.CancelledError:
            for step in visited.begun:
                self._finish(step, Outcome.INTERRUPTED, visited.began)
            raise
        finally:
            del self._visits[host]
        if visited.pause:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(visited.pause):
                    await self._stopped.wait()
        self._schedule.give_back(steps)

    async def _visit(self, visited: _Visited, connection: Connection) -> None:
        """Make a visit, and take what it tells as it comes."""
        errands = [
            Errand(
                step=step,
                values=self._values,
                needs=self._schedule.needs(step, visited.steps),
                again=self._attempts[step.id] > 0,
            )
            for step in visited.steps
        ]
        visit = asyncio.create_task(self._visitor.visit(errands, connection, visited.tell))
        visit.add_done_callback(lambda _: visited.news.set())
        try:
            while not visit.done():
                await visited.news.wait()
                visited.news.clear()
                await self._take_news(visited)
            await self._take_news(visited)
            visit.result()
        finally:
            visit.cancel()
            await asyncio.gather(visit, return_exceptions=True)

    async def _take_news(self, visited: _Visited) -> None:
        while visited.told:
            step, what = visited.told.popleft()
            if what is not Notice.BEGUN:
                visited.end(step)
            match what:
                case Notice.BEGUN:
                    visited.begin(step)
                    attempt = self._attempts[step.id] + 1
                    event = StepStarted(step=step.id, title=step.title, host=step.host, attempt=attempt)
                    self._events(event)
                case Notice.STOPPED:
                    self._schedule.over(step)
                    self._interrupted += 1
                    self._finish(step, Outcome.INTERRUPTED, visited.began)
                case Visit():
                    await self._take_done(step, what, visited.began)
                case SealerError():
                    await self._take_failure(step, what, visited)

    async def _take_done(self, step: Step, visit: Visit, began: float) -> None:
        secret = {o.key for change in step.changes for o in change.outputs if o.secret}
        plain = {key: text for key, text in visit.values.items() if key not in secret}
        await self._journal.done(step.id, DoneStep(fingerprint=fingerprint(step), values=plain))
        for key, text in visit.values.items():
            self._values[step.id, key] = text
        self._done[step.id] = bool(visit.changed)
        outcome = Outcome.CHANGED if visit.changed else Outcome.UNCHANGED
        self._finish(step, outcome, began, changes=visit.changed)
        self._schedule.done(step)
        self._news.set()

    async def _take_failure(self, step: Step, error: SealerError, visited: _Visited) -> None:
        self._attempts[step.id] += 1
        attempts = self._attempts[step.id]
        retryable = isinstance(error, HostError) and error.retryable
        if retryable and attempts <= step.retries and not self._stopping:
            longest = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
            visited.pause = max(visited.pause, longest * random.uniform(0.5, 1))  # noqa: S311 - no secret
            return
        await self._fail(step, error, visited.began)

    async def _fail(self, step: Step, error: SealerError, began: float) -> None:
        self._failures[step.id] = error
        if self._fail_fast:
            self._stop(at_once=False)
        said = _said(step, error)
        await self._journal.failed(step.id, said)
        self._schedule.over(step)
        self._finish(step, Outcome.FAILED, began, error=said)

    def _stop(self, *, at_once: bool) -> None:
        """Start nothing more, and have visits end behind the running change, or the running step."""
        self._stopping = True
        self._stopped.set()
        self._news.set()
        for host in self._visits:
            connection = self._connections[host]
            if not isinstance(connection, HostError):
                task = asyncio.create_task(self._halt(connection, at_once=at_once))
                self._halting.add(task)
                task.add_done_callback(self._halting.discard)

    async def _halt(self, connection: Connection, *, at_once: bool) -> None:
        # A host that can't be told goes on to the end of its visit.
        with contextlib.suppress(HostError):
            await self._visitor.halt(connection, at_once=at_once)

    def _finish(
        self,
        step: Step,
        outcome: Outcome,
        began: float,
        *,
        changes: tuple[str, ...] = (),
        error: str | None = None,
    ) -> None:
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
        """Announce what failures or the stop left undone and the end, and raise what went wrong."""
        unstarted = self._schedule.open
        for step in unstarted:
            begun = self._stopping and self._attempts[step.id]
            self._finish(step, Outcome.INTERRUPTED if begun else Outcome.BLOCKED, time.monotonic())
        undone = len(unstarted) + self._interrupted
        done = Summary(done=self._done)
        self._events(
            OperationFinished(
                operation=self._visitor.operation,
                failed=len(self._failures),
                blocked=undone,
                changed=done.changed,
                unchanged=done.unchanged,
                seconds=seconds,
            )
        )
        if self._failures:
            raise HostsFailed(
                f"{len(self._failures)} of {len(self._plan.steps)} steps failed, {undone} were not done",
                failures=self._failures,
            )
        if self._stopping and undone:
            raise Interrupted(f"stopped with {undone} of {len(self._plan.steps)} steps not done")


def _said(step: Step, error: SealerError) -> str:
    """Return what an error of a step says, and where, unless that is the host: it stands beside it anyway."""
    return error.message if error.place == step.host else str(error)


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
