"""Events as JSON, one object a line, for programs. ``docs/progress.md`` has the fields."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from sealer.cli.render.base import Output, Renderer
from sealer.cli.render.throttle import Throttle
from sealer.events import (
    Event,
    HostOutput,
    Message,
    OperationFinished,
    OperationStarted,
    StepFinished,
    StepStarted,
    StepWaiting,
    TransferProgress,
)

NAMES: dict[type[Event], str] = {
    OperationStarted: "operation-started",
    OperationFinished: "operation-finished",
    StepStarted: "step-started",
    StepFinished: "step-finished",
    StepWaiting: "step-waiting",
    TransferProgress: "transfer-progress",
    HostOutput: "host-output",
    Message: "message",
}
"""What the field ``event`` says."""


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class JsonRenderer(Renderer):
    """Writes every event as it comes; of each transfer about one a second, and always the last.

    Args:
        stream: Where to write.
        clock: Tells the time, in UTC.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._output = Output(stream)
        self._clock = clock
        self._throttle = Throttle(1.0)
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write an event as one line."""
        with self._lock:
            moment = self._clock()
            if self._throttle.passes(event, moment.timestamp()):
                self._output.write(to_json(event, moment) + "\n")

    def close(self) -> None:
        """Do nothing: every line has been written."""


def to_json(event: Event, moment: datetime) -> str:
    """Return an event as a JSON object in ASCII, without line breaks."""
    time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": time, "event": NAMES[type(event)], **asdict(event)})
