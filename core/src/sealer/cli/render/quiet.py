"""No progress: warnings alone."""

from __future__ import annotations

from typing import TextIO

from sealer.cli.render import wording
from sealer.cli.render.base import Output, Renderer
from sealer.events import Event, Message


class QuietRenderer(Renderer):
    """Writes warnings, and nothing else.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._output = Output(stream)

    def __call__(self, event: Event) -> None:
        """Write an event if it is a warning."""
        if isinstance(event, Message) and event.warning:
            where = "" if event.host is None else f"{wording.line(event.host)}: "
            for line in wording.lines(event.text):
                self._output.write(f"warning: {where}{line}\n")

    def close(self) -> None:
        """Do nothing: nothing is kept."""
