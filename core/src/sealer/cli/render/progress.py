"""How far everything is: the events so far, added up. It does no I/O and is told the time."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from sealer.events import (
    Event,
    OperationFinished,
    OperationStarted,
    Outcome,
    StepFinished,
    StepStarted,
    StepWaiting,
    TransferProgress,
)

_WINDOW = 8.0
"""Seconds over which the rate of a transfer is measured."""

_SAMPLE = 0.25
"""Seconds between two samples of a transfer."""


@dataclass(slots=True, kw_only=True)
class RunningStep:
    """A step that has begun. ``began`` is when its first attempt did; ``reason`` is what it waits for."""

    step: str
    title: str
    host: str
    attempt: int
    began: float
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Transfer:
    """A stream of bytes. ``fraction`` (0 to 1) never falls, also when the stream begins anew."""

    subject: str
    host: str | None
    began: float
    updated: float
    moved: int = 0
    total: int = 0
    fraction: float = 0.0
    _samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))

    def advance(self, moved: int, total: int, now: float) -> None:
        """Take how far it is."""
        if moved < self.moved:
            self._samples.clear()
        self.moved, self.total, self.updated = moved, total, now
        self.fraction = max(self.fraction, min(1.0, moved / total if total > 0 else 1.0))
        if not self._samples or now - self._samples[-1][0] >= _SAMPLE:
            self._samples.append((now, moved))
            while now - self._samples[0][0] > _WINDOW and len(self._samples) > 2:
                self._samples.popleft()

    @property
    def finished(self) -> bool:
        """Whether all bytes were moved."""
        return self.moved >= self.total

    @property
    def percent(self) -> int:
        """Whole percents; 100 only when all bytes were moved."""
        return int(self.fraction * 100)

    def rate(self, now: float) -> float:
        """Return bytes per second over the last seconds; a stalled stream comes down to 0."""
        if not self._samples or self.finished:
            return 0.0
        start, moved = self._samples[0]
        span = now - start
        return (self.moved - moved) / span if span >= _SAMPLE else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Return how long it will take, or None while that can't be told."""
        rate = self.rate(now)
        return (self.total - self.moved) / rate if rate > 0 else None


class Progress:
    """The state of one run of the program.

    Attributes:
        operation: The operation, once it has begun.
        finished: How it ended, once it has.
        running: The steps that have begun, by id.
        outcomes: How many steps of each host ended how.
        errors: The last error of each host that has one.
        transfers: The latest stream of each host and subject.
        ended: Streams that others with the same host and subject came after.
    """

    def __init__(self) -> None:
        self.operation: OperationStarted | None = None
        self.finished: OperationFinished | None = None
        self.running: dict[str, RunningStep] = {}
        self.outcomes: dict[str, Counter[Outcome]] = {}
        self.errors: dict[str, str] = {}
        self.transfers: dict[tuple[str | None, str], Transfer] = {}
        self.ended: list[Transfer] = []

    def take(self, event: Event, now: float) -> None:
        """Add an event that happened ``now``, in seconds of any clock that never goes back."""
        match event:
            case OperationStarted():
                self._begin(event)
            case OperationFinished():
                self.finished = event
                self.running.clear()
            case StepStarted():
                self._started(event, now)
            case StepFinished():
                self.running.pop(event.step, None)
                self.outcomes.setdefault(event.host, Counter())[event.outcome] += 1
                if event.error is not None:
                    self.errors[event.host] = event.error
            case StepWaiting():
                if event.step in self.running:
                    self.running[event.step].reason = event.reason
            case TransferProgress():
                self._moved(event, now)
            case _:
                pass

    def _begin(self, event: OperationStarted) -> None:
        """Forget what was before: a run of the program may drive several operations, one after the other."""
        self.operation, self.finished = event, None
        self.running, self.errors, self.transfers, self.ended = {}, {}, {}, []
        self.outcomes = {host: Counter() for host in event.hosts}

    def _started(self, event: StepStarted, now: float) -> None:
        earlier = self.running.get(event.step)
        if earlier is None:
            # An earlier step of the host may have had the same title, and a stream of that name.
            self._end_transfer((event.host, event.title))
        self.running[event.step] = RunningStep(
            step=event.step,
            title=event.title,
            host=event.host,
            attempt=event.attempt,
            began=now if earlier is None else earlier.began,
        )

    def _moved(self, event: TransferProgress, now: float) -> None:
        key = (event.host, event.subject)
        transfer = self.transfers.get(key)
        if transfer is not None and transfer.host is None and transfer.finished and event.moved < event.total:
            self._end_transfer(key)
            transfer = None
        if transfer is None:
            transfer = Transfer(subject=event.subject, host=event.host, began=now, updated=now)
            self.transfers[key] = transfer
        transfer.advance(event.moved, event.total, now)

    def _end_transfer(self, key: tuple[str | None, str]) -> None:
        transfer = self.transfers.pop(key, None)
        if transfer is not None:
            self.ended.append(transfer)

    @property
    def steps(self) -> int:
        """How many steps the operation has."""
        return self.operation.steps if self.operation else 0

    @property
    def done(self) -> int:
        """How many of them are done, those of earlier runs included."""
        ended = sum(number[Outcome.CHANGED] + number[Outcome.UNCHANGED] for number in self.outcomes.values())
        return ended + (self.operation.done if self.operation else 0)

    @property
    def idle(self) -> bool:
        """Whether nothing is going on: no operation, and no transfer beside one."""
        return (self.operation is None or self.finished is not None) and not self.local_transfers()

    def slowest(self) -> RunningStep | None:
        """Return the step that has been running for the longest time."""
        return min(self.running.values(), key=lambda step: step.began, default=None)

    def transfer_of(self, step: RunningStep) -> Transfer | None:
        """Return the stream that a step waits for."""
        transfer = self.transfers.get((step.host, step.title))
        return transfer if transfer is not None and not transfer.finished else None

    def local_transfers(self) -> tuple[Transfer, ...]:
        """Return the unfinished streams that belong to no host, the oldest first."""
        return tuple(t for t in self.transfers.values() if t.host is None and not t.finished)
