"""Events as lines of plain text: for logs of other programs, pipes, and terminals that can do no more.

A line has five parts with blanks between them: time, level, host, step, and the message, which is the rest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Self, TextIO

from sealer.cli.render import wording
from sealer.cli.render.base import Output, Renderer
from sealer.cli.render.json_lines import utc_now
from sealer.cli.render.progress import Progress, Transfer
from sealer.events import (
    Event,
    Message,
    OperationFinished,
    OperationStarted,
    Outcome,
    StepFinished,
    StepStarted,
    StepWaiting,
    TransferProgress,
)

SLOW = 15.0
"""Seconds after which a step is worth a line while it runs; the next ones come ever later."""

LONGEST_SILENCE = 60.0
"""Seconds between two lines about one slow step, at most."""

TRANSFER_SECONDS = 5.0
TRANSFER_PERCENT = 10
"""Between two lines about one transfer."""

INFO, WARNING, ERROR = "INFO", "WARN", "ERROR"
"""Levels of lines."""

_MOST_CHANGES = 3


class PlainText:
    """Turns events and the passing of time into lines. It does no I/O.

    Args:
        began: The time now, in seconds of the clock used throughout.
        moment: The time of day that this is, in UTC.
    """

    def __init__(self, began: float, moment: datetime) -> None:
        self._began = began
        self._moment = moment
        self._progress = Progress()
        self._width = 0
        self._due: dict[object, float] = {}
        self._told: dict[tuple[str | None, str], tuple[float, int]] = {}

    def lines_for(self, event: Event, now: float) -> Iterator[str]:
        """Yield the lines that tell of an event."""
        match event:
            case OperationStarted():
                self._width = min(max((len(host) for host in event.hosts), default=0), 40)
                self._due.clear()
                self._told.clear()
        self._progress.take(event, now)
        level, step = _level(event), getattr(event, "step", None)
        for host, text in self._texts(event, now):
            yield self._line(now, level, host, step, text)

    def lines_at(self, now: float) -> Iterator[str]:
        """Yield a line when something has been going on for long without one."""
        slowest = self._progress.slowest()
        if slowest is not None:
            key: object = ("step", slowest.step)
            if self._is_due(key, now - slowest.began):
                what = f"{slowest.title}: runs for {wording.duration(now - slowest.began)}"
                what += f", waits: {slowest.reason}" if slowest.reason else ""
                transfer = self._progress.transfer_of(slowest)
                what += f", {self._state_of(transfer, now)}" if transfer else ""
                others = len({step.host for step in self._progress.running.values()} - {slowest.host})
                what += f"; slowest of {others + 1} hosts at work" if others else ""
                yield self._line(now, INFO, slowest.host, slowest.step, what)
            return
        for transfer in self._progress.local_transfers()[:1]:
            key = ("transfer", transfer.subject)
            if self._is_due(key, now - transfer.began):
                text = f"{transfer.subject}: {self._state_of(transfer, now)}"
                yield self._line(now, INFO, None, None, text)

    def _is_due(self, key: object, age: float) -> bool:
        if age < self._due.get(key, SLOW):
            return False
        self._due[key] = age + min(max(age, SLOW), LONGEST_SILENCE)
        return True

    def _texts(self, event: Event, now: float) -> Iterator[tuple[str | None, str]]:
        match event:
            case OperationStarted():
                yield None, announcement(event)
            case StepStarted() if event.attempt > 1:
                yield event.host, f"{event.title}: again, attempt {event.attempt}"
            case StepWaiting():
                yield event.host, f"{event.title}: waits: {event.reason}"
            case StepFinished():
                if event.outcome is not Outcome.BLOCKED:
                    yield from ((event.host, text) for text in _result(event))
            case TransferProgress():
                yield from self._transfer(self._progress.transfers[event.host, event.subject], now)
            case Message():
                yield from ((event.host, text) for text in wording.lines(event.text))
            case OperationFinished():
                yield from ((None, text) for text in summary(self._progress, event))
            case _:
                pass

    def _transfer(self, transfer: Transfer, now: float) -> Iterator[tuple[str | None, str]]:
        key = (transfer.host, transfer.subject)
        at, percent = self._told.setdefault(key, (transfer.began, 0))
        if at < transfer.began:
            at, percent = transfer.began, 0  # what was told was about an earlier stream of that name
        if now - at < TRANSFER_SECONDS or transfer.percent - percent < TRANSFER_PERCENT:
            return
        self._told[key] = (now, transfer.percent)
        yield transfer.host, f"{transfer.subject}: {self._state_of(transfer, now)}"

    @staticmethod
    def _state_of(transfer: Transfer, now: float) -> str:
        text = f"{transfer.percent} % of {wording.size(transfer.total)}"
        if transfer.finished:
            return f"{text} in {wording.duration(now - transfer.began)}"
        left = transfer.seconds_left(now)
        text += f", {wording.size(transfer.rate(now))}/s"
        return text if left is None else f"{text}, {wording.duration(left)} left"

    def _line(self, now: float, level: str, host: str | None, step: str | None, text: str) -> str:
        moment = self._moment + timedelta(seconds=now - self._began)
        time = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        name = f"{_word(host):<{self._width}}"
        return f"{time} {level:<5} {name} {_word(step)} {wording.line(text)}\n"


def _level(event: Event) -> str:
    match event:
        case StepFinished(outcome=Outcome.FAILED):
            return ERROR
        case OperationFinished() if event.failed:
            return ERROR
        case Message(warning=True):
            return WARNING
        case _:
            return INFO


def _word(text: str | None) -> str:
    """Return a name without blanks, and a dash for none."""
    return wording.line(text).replace(" ", "_") if text else "-"


def announcement(event: OperationStarted) -> str:
    """Return what begins, where, and the path of its log."""
    steps, hosts = wording.counted(event.steps, "step"), wording.counted(len(event.hosts), "host")
    text = f"{event.verb} {event.cluster}: {steps} on {hosts}"
    if event.done:
        text += f", {event.done} done earlier"
    return f"{text}; log: {event.log}"


def _result(event: StepFinished) -> Iterator[str]:
    text = f"{event.title}: {event.outcome} in {wording.duration(event.seconds)}"
    if event.error is not None:
        first, *rest = wording.lines(event.error)
        yield f"{text}: {first}"
        yield from (f"    {more}" for more in rest)
    elif event.changes:
        yield f"{text}: {wording.some(event.changes, _MOST_CHANGES)}"
    else:
        yield text


def summary(progress: Progress, event: OperationFinished) -> Iterator[str]:
    """Yield how the operation ended: the hosts with the same numbers together, and the sum."""
    groups: dict[tuple[tuple[Outcome, int], ...], list[str]] = {}
    for host, numbers in progress.outcomes.items():
        groups.setdefault(tuple(sorted(numbers.items())), []).append(host)
    for key, hosts in groups.items():
        yield f"{wording.some(hosts, 8)}: {wording.counts(dict(key))}"
    total = {
        Outcome.CHANGED: event.changed,
        Outcome.UNCHANGED: event.unchanged,
        Outcome.FAILED: event.failed,
        Outcome.BLOCKED: event.blocked if event.failed else 0,
    }
    verb = progress.operation.verb if progress.operation else "operation"
    how = "failed" if event.failed else ("stopped" if event.blocked else "done")
    left = f", {event.blocked} not started" if event.blocked and not event.failed else ""
    yield f"{verb} {how} after {wording.duration(event.seconds)}: {wording.counts(total)}{left}"


class PlainRenderer(Renderer):
    """Writes lines as events come, and while nothing comes for long.

    Args:
        stream: Where to write.
        clock: Tells the time in seconds.
        moment: Tells the time of day, in UTC.
        interval: Seconds between two looks at the clock.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], datetime] = utc_now,
        interval: float = 1.0,
    ) -> None:
        self._output = Output(stream)
        self._clock = clock
        self._interval = interval
        self._text = PlainText(clock(), moment())
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._watch = threading.Thread(target=self._look, name="sealer-heartbeat", daemon=True)
        self._watch.start()
        return self

    def __call__(self, event: Event) -> None:
        """Write the lines that tell of an event."""
        with self._lock:
            for line in self._text.lines_for(event, self._clock()):
                self._output.write(line)

    def close(self) -> None:
        """Stop looking at the clock."""
        self._closing.set()
        if self._watch is not None:
            self._watch.join()

    def _look(self) -> None:
        while not self._closing.wait(self._interval):
            with self._lock:
                for line in self._text.lines_at(self._clock()):
                    self._output.write(line)
