"""Follows one script that visits several steps: what it reports and prints, told step by step."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sealer.changes.report import (
    MARK,
    BlobsReceived,
    ChangeReport,
    SectionReport,
    ValueReport,
    ValuesKnown,
    read_record,
)
from sealer.changes.wait import WAITING
from sealer.errors import SealerError
from sealer.events import EventSink, HostOutput, StepWaiting
from sealer.hosts.connection import Deadline
from sealer.hosts.output import KEPT_LINES
from sealer.hosts.secret import Redactor
from sealer.model import Step, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a visit found and did: the changes that were made, and the values the step yields."""

    changed: tuple[str, ...]
    values: Mapping[str, str]


class Notice(enum.Enum):
    """What is told of a step beside its end: that it begins, and that it was stopped between two changes."""

    BEGUN = enum.auto()
    STOPPED = enum.auto()


Tell = Callable[[Step, Notice | Visit | SealerError], None]
"""Takes what happens to a step as soon as it is known. It must not block and must not raise."""


def said_by(step: Step, line: str) -> StepWaiting | HostOutput:
    """Return the event of a line, without secrets, that a step's host printed."""
    if line.startswith(WAITING):
        reason = line.removeprefix(WAITING)
        return StepWaiting(step=step.id, title=step.title, host=step.host, reason=reason)
    return HostOutput(host=step.host, step=step.id, line=line)


class Errors(Protocol):
    """Makes the errors of steps, from the last lines that were printed."""

    def of_change(
        self, step: Step, index: int, status: int, lines: Sequence[str], *, retryable: bool
    ) -> SealerError:
        """Return the error of a step one of whose changes failed."""

    def of_step(self, step: Step, message: str, lines: Sequence[str]) -> SealerError:
        """Return the error of a step for any other reason."""


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What is known of one step so far."""

    changed: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    begun: bool = False
    state: str = ""
    seen: int = 0
    status: int = 0
    told: bool = False


class Follower:
    """Takes the lines of both streams of a script and tells what they say.

    The two streams come in no order to each other. Where it matters, marks in the log wait for their records:
    the output of a change that yields a secret is shown when the secret is known, and a failure is told
    when all that was printed ahead of it has come.

    Args:
        steps: Those of the script, in its order.
        tell: Gets what happens to steps.
        errors: Makes errors.
        events: Gets what is printed, without secrets.
        redactor: Knows the secrets, and learns new ones.
        deadline: Is counted anew for each step.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        tell: Tell,
        errors: Errors,
        events: EventSink,
        redactor: Redactor,
        deadline: Deadline,
    ) -> None:
        self.received = False
        self._steps = steps
        self._tell = tell
        self._errors = errors
        self._events = events
        self._redactor = redactor
        self._deadline = deadline
        self._of_step = [_Progress() for _ in steps]
        self._places = [(n, i) for n, step in enumerate(steps) for i in range(len(step.changes))]
        self._speaking = 0
        self._waiting: deque[str] = deque()
        self._held: list[str] | None = None
        self._known = 0

    def begin(self) -> None:
        """Take that the first step begins, though its script has not: something has to be sent first."""
        self._begin(0)

    def on_output(self, line: str) -> None:
        """Take a line of standard output: a record."""
        match read_record(line):
            case SectionReport(number=number, state=state) if number < len(self._steps):
                self._section(number, state)
            case ChangeReport(index=index) as report if index < len(self._places):
                self._change(report)
            case ValueReport(index=index, key=key, text=text) if index < len(self._places):
                self._value(index, key, text)
            case ValuesKnown():
                self._known += 1
            case BlobsReceived():
                self.received = True
            case _:
                pass
        self._drain()

    def on_line(self, line: str) -> None:
        """Take a line of standard error: a mark, or what a command printed."""
        text, mark, said = line.partition(MARK)
        if text:
            self._waiting.append(text)
        if mark:
            self._waiting.append(mark + said)
        self._drain()

    def finish(self) -> None:
        """Take that no more lines come."""
        while self._waiting:
            line = self._waiting.popleft()
            if not line.startswith(MARK):
                self._show(line)
        self._release()
        for number, progress in enumerate(self._of_step):
            if progress.state == "failed":
                self._fail(number)

    def unfinished(self) -> int | None:
        """Return the number of the step in which the script ended too early, or None if it was whole."""
        for number, progress in enumerate(self._of_step):
            if progress.begun and not progress.told:
                return number
        fresh = [number for number, progress in enumerate(self._of_step) if not progress.told]
        return fresh[0] if len(fresh) == len(self._of_step) else None

    def first_open(self) -> int | None:
        """Return the number of the first step that has not ended, begun ones ahead of others."""
        open_ones = [number for number, progress in enumerate(self._of_step) if not progress.told]
        return min(open_ones, key=lambda number: not self._of_step[number].begun, default=None)

    def fail(self, number: int, what: str) -> None:
        """Tell that a step failed, though none of its changes did."""
        lines = tuple(self._of_step[number].lines)
        self._end(number, self._errors.of_step(self._steps[number], what, lines))

    def may_repeat(self, number: int) -> bool:
        """Whether the change of a step that has failed, or has not ended, may be made again."""
        changes = self._steps[number].changes
        seen = self._of_step[number].seen
        return seen < len(changes) and changes[seen].repeatable

    def end(self, number: int, error: SealerError) -> None:
        """Tell a step's error."""
        self._end(number, error)

    def _section(self, number: int, state: str) -> None:
        progress, step = self._of_step[number], self._steps[number]
        match state:
            case "begin":
                self._deadline.restart(step.timeout)
                self._begin(number)
            case "done":
                progress.state = state
                visit = Visit(changed=tuple(progress.changed), values=dict(progress.values))
                self._end(number, visit)
            case _:
                progress.state = state
                if progress.begun:
                    self._end(number, Notice.STOPPED)

    def _begin(self, number: int) -> None:
        if not self._of_step[number].begun:
            self._of_step[number].begun = True
            self._tell(self._steps[number], Notice.BEGUN)

    def _change(self, report: ChangeReport) -> None:
        number, index = self._places[report.index]
        progress = self._of_step[number]
        what = show(self._steps[number].changes[index].describe())
        # That of a change whose values can't be read comes twice.
        progress.seen = index if report.state == "failed" else index + 1
        if report.state == "changed":
            progress.changed.append(what)
        elif report.state == "failed":
            progress.state = "failed"
            progress.status = report.status

    def _value(self, place: int, key: str, text: str) -> None:
        number, index = self._places[place]
        outputs = self._steps[number].changes[index].outputs
        if any(output.secret and output.key == key for output in outputs) and text:
            self._redactor.add(text)
        self._of_step[number].values[key] = text

    def _drain(self) -> None:
        """Go through the lines of the log, up to a mark whose record has not come."""
        while self._waiting:
            if not self._waiting[0].startswith(MARK):
                self._show(self._waiting.popleft())
                continue
            kind, _, number = self._waiting[0].removeprefix(MARK).partition(" ")
            if kind == "step" and number.isdecimal():
                self._speaking = min(int(number), len(self._steps) - 1)
            elif kind == "end" and number.isdecimal() and int(number) < len(self._steps):
                progress = self._of_step[int(number)]
                if not progress.state:
                    return
                if progress.state == "failed":
                    self._fail(int(number))
            elif kind == "hold":
                self._held = []
            elif kind == "release":
                if self._known == 0:
                    return
                self._known -= 1
                self._release()
            self._waiting.popleft()

    def _fail(self, number: int) -> None:
        step, progress = self._steps[number], self._of_step[number]
        retryable = self.may_repeat(number)
        error = self._errors.of_change(
            step, progress.seen, progress.status, tuple(progress.lines), retryable=retryable
        )
        self._end(number, error)

    def _show(self, line: str) -> None:
        if self._held is not None:
            self._held.append(line)
            return
        step = self._steps[self._speaking]
        shown = self._redactor.redact(line)
        self._of_step[self._speaking].lines.append(shown)
        self._events(said_by(step, shown))

    def _release(self) -> None:
        held, self._held = self._held or [], None
        for line in held:
            self._show(line)

    def _end(self, number: int, what: Notice | Visit | SealerError) -> None:
        progress = self._of_step[number]
        if not progress.told:
            progress.told = True
            self._tell(self._steps[number], what)
