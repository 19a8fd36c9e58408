"""What all renderers are: context managers that take events, from any thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self, TextIO

from sealer.events import Event, EventSink


class Renderer(ABC):
    """Shows events while it is entered. Calling it neither blocks for long nor raises."""

    @abstractmethod
    def __call__(self, event: Event) -> None:
        """Take an event."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Show nothing from now on."""


class Output:
    """A text stream that may go away: what can't be written is dropped, and work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def write(self, text: str) -> None:
        """Write a text and flush it; characters that the stream's encoding lacks are written as ``?``."""
        if self._stream is None:
            return
        try:
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None


def fan_out(*sinks: EventSink) -> EventSink:
    """Return a sink that hands every event to all of these, in their order."""

    def sink(event: Event) -> None:
        for one in sinks:
            one(event)

    return sink
