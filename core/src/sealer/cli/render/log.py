"""The log file of an operation: every event, what hosts print included, each line with its time."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sealer.cli.render import wording
from sealer.cli.render.json_lines import utc_now
from sealer.cli.render.throttle import Throttle
from sealer.errors import SealerError
from sealer.events import (
    Event,
    EventSink,
    HostOutput,
    Message,
    OperationFinished,
    OperationStarted,
    StepFinished,
    StepStarted,
    StepWaiting,
    TransferProgress,
)

_TRANSFER_SECONDS = 10.0


@contextmanager
def open_log(path: Path, *, clock: Callable[[], datetime] = utc_now) -> Iterator[EventSink]:
    """Open a log that only its owner can read, and yield a sink that appends to it.

    Secrets have been taken out of events before they get here.

    Args:
        path: The file; directories above it are made when they are missing.
        clock: Tells the time, in UTC.

    Raises:
        SealerError: The file can't be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        # A log of an earlier run may have been made readable to others.
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise SealerError(f"the log can't be written: {error.strerror}", place=str(path)) from error
    log = _Log(descriptor, clock)
    try:
        yield log
    finally:
        os.close(descriptor)
        if log.failure is not None:
            sys.stderr.write(f"warning: the log {path} is not complete: {log.failure.strerror}\n")


class _Log:
    """Appends events to an open file. The first failure ends it: work goes on without a log."""

    def __init__(self, descriptor: int, clock: Callable[[], datetime]) -> None:
        self.failure: OSError | None = None
        self._descriptor = descriptor
        self._clock = clock
        self._throttle = Throttle(_TRANSFER_SECONDS)
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write an event, in one piece."""
        with self._lock:
            moment = self._clock()
            if self.failure is not None or not self._throttle.passes(event, moment.timestamp()):
                return
            time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            text = "".join(f"{time} {line}\n" for line in describe(event))
            data = text.encode("utf-8", "backslashreplace")
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError as error:
                self.failure = error


def describe(event: Event) -> Iterator[str]:
    """Yield the lines that tell of an event, in full."""
    match event:
        case StepStarted() | StepWaiting() | StepFinished():
            for text in _describe_step(event):
                yield f"{event.host} {event.step}: {text}"
        case OperationStarted() | OperationFinished():
            for text in _describe_operation(event):
                yield f"operation {event.operation}: {text}"
        case HostOutput():
            for line in wording.lines(event.line):
                yield f"{event.host} | {line}"
        case TransferProgress():
            where = f"{event.host} " if event.host is not None else ""
            yield f"{where}{wording.line(event.subject)}: {event.moved} of {event.total} bytes"
        case Message():
            lead = f"{event.host} " if event.host is not None else ""
            lead += "warning: " if event.warning else ""
            for line in wording.lines(event.text):
                yield lead + line


def _describe_operation(event: OperationStarted | OperationFinished) -> Iterator[str]:
    if isinstance(event, OperationStarted):
        yield f"{event.verb} {event.cluster} on {', '.join(event.hosts)}"
        yield f"{event.steps} steps, {event.done} done earlier"
        return
    numbers = f"{event.changed} changed, {event.unchanged} unchanged"
    yield f"ended after {event.seconds:.1f}s: {numbers}, {event.failed} failed, {event.blocked} blocked"


def _describe_step(event: StepStarted | StepWaiting | StepFinished) -> Iterator[str]:
    if isinstance(event, StepWaiting):
        yield f"waits: {wording.line(event.reason)}"
        return
    if isinstance(event, StepStarted):
        yield f"begins, attempt {event.attempt}: {wording.line(event.title)}"
        return
    yield f"{event.outcome} after {event.seconds:.1f}s"
    for change in event.changes:
        yield f"changed {wording.line(change)}"
    if event.error is not None:
        for line in wording.lines(event.error):
            yield f"error: {line}"
