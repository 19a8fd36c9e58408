"""Events as a live picture at the bottom of a terminal, with what must stay in sight printed above it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sealer.cli.render import wording
from sealer.cli.render.above import Above
from sealer.cli.render.base import Renderer
from sealer.cli.render.lanes import Picture
from sealer.cli.render.plain import announcement, summary
from sealer.cli.render.progress import Progress
from sealer.events import (
    Event,
    Message,
    OperationFinished,
    OperationStarted,
    Outcome,
    StepFinished,
    StepStarted,
    TransferProgress,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESHES = 8.0
"""A second."""


class TerminalRenderer(Renderer):
    """Shows a lane for each host while an operation runs.

    There is a picture only while something is going on, so that it's never in the way of a question.

    Args:
        stream: A terminal.
        clock: Tells the time in seconds.
        console: Where to draw, for tests; by default made for the stream.
        live: Whether a thread keeps the picture up to date.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        console: Console | None = None,
        live: bool = True,
    ) -> None:
        self._stream = stream
        self._above: Above | None = None
        self._console = console or Console(file=stream, force_terminal=True, highlight=False)
        self._clock = clock
        self._automatic = live
        self._progress = Progress()
        self._began = clock()
        self._live: Live | None = None
        self._broken = False
        # Guards the progress. It is never held while rich is called, which has a lock of its own.
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take an event into the picture; print what must stay in sight."""
        with self._lock:
            now = self._clock()
            if isinstance(event, OperationStarted):
                self._began = now
            self._progress.take(event, now)
            texts = list(self._texts(event))
            idle = self._progress.idle
        try:
            if idle:
                self._stop()
            elif isinstance(event, OperationStarted | StepStarted | TransferProgress):
                self._start()
            for text in texts:
                self._print(text)
        except (OSError, ValueError):
            self._broken = True  # the terminal is gone; work goes on

    def close(self) -> None:
        """Take the picture away; what was printed stays."""
        try:
            self._stop()
        except (OSError, ValueError):
            self._broken = True

    def picture(self) -> RenderableType:
        """Return what is to be seen now."""
        console = self._console
        with self._lock:
            picture = Picture(
                self._progress,
                now=self._clock(),
                began=self._began,
                width=console.width,
                height=console.height,
                ascii_only=console.options.ascii_only,
            )
            return picture.draw()

    def _start(self) -> None:
        if self._live is None and not self._broken:
            self._live = Live(
                console=self._console,
                get_renderable=self.picture,
                auto_refresh=self._automatic,
                refresh_per_second=_REFRESHES,
                transient=True,
                redirect_stdout=False,  # it belongs to what the command prints for programs
                redirect_stderr=False,  # see Above
            )
            self._live.start()
            if sys.stderr is self._stream:
                self._above = Above(self._print)
                sys.stderr = self._above

    def _stop(self) -> None:
        above, self._above = self._above, None
        if above is not None:
            if sys.stderr is above:
                sys.stderr = self._stream
            above.finish()
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _texts(self, event: Event) -> Iterator[Text]:
        match event:
            case OperationStarted():
                yield Text(announcement(event))
            case StepFinished(outcome=Outcome.FAILED):
                for number, line in enumerate(wording.lines(event.error or "")):
                    head = (
                        f"{wording.line(event.host)}: {wording.line(event.title)}: "
                        if number == 0
                        else "    "
                    )
                    yield Text(head + line, "red")
            case Message():
                mark = "warning: " if event.warning else ""
                where = f"{wording.line(event.host)}: " if event.host is not None else ""
                for line in wording.lines(event.text):
                    yield Text(mark + where + line, "yellow" if event.warning else "")
            case OperationFinished():
                for line in summary(self._progress, event):
                    yield Text(line, "red" if event.failed else "")
            case _:
                pass
