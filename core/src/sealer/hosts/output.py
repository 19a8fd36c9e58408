"""What a script prints, taken apart as it comes: all of one stream, the lines and last lines of the other."""

from __future__ import annotations

from collections import deque

from sealer.hosts.connection import LineSink

KEPT_LINES = 50
"""How many of the last lines of standard error a result has."""

LINE_LIMIT = 16 * 1024
"""Bytes of one line of standard error that are kept; the rest of a longer line is left out."""


class OutputTooLarge(Exception):
    """More came than the limit allows."""


class Collector:
    """Keeps all bytes up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Take more bytes.

        Raises:
            OutputTooLarge: There are more than the limit now; they are not kept.
        """
        if len(self._data) + len(data) > self._limit:
            raise OutputTooLarge
        self._data += data

    def value(self) -> bytes:
        """Return all that has come."""
        return bytes(self._data)


class LineSplitter:
    """Cuts bytes into lines, hands each one on, and keeps the last ones."""

    def __init__(self, sink: LineSink | None = None) -> None:
        self.sink = sink
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self._open = bytearray()

    def add(self, data: bytes) -> None:
        """Take more bytes; carriage returns end lines as well, so progress meters become lines."""
        *whole, rest = data.replace(b"\r", b"\n").split(b"\n")
        for piece in whole:
            self._extend(piece)
            self._emit()
        self._extend(rest)

    def finish(self) -> None:
        """Hand on a last line that had no newline."""
        self._emit()

    def _extend(self, piece: bytes) -> None:
        self._open += piece[: max(0, LINE_LIMIT - len(self._open))]

    def _emit(self) -> None:
        if self._open:
            line = self._open.decode(errors="replace")
            self._open.clear()
            self.last.append(line)
            if self.sink is not None:
                self.sink(line)
