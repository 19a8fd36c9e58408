"""What a script prints, taken apart as it comes: all of one stream, the lines and last lines of the other."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from sealer.hosts.connection import LineSink

KEPT_LINES = 50
"""How many of the last lines of standard error a result has."""

LINE_LIMIT = 16 * 1024
"""Bytes of one line of standard error that are kept; the rest of a longer line is left out."""


class OutputTooLarge(Exception):
    """More came than the limit, in bytes, allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


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
            raise OutputTooLarge(self._limit)
        self._data += data

    def value(self) -> bytes:
        """Return all that has come."""
        return bytes(self._data)


class LineSplitter:
    """Cuts bytes into lines, hands each one on, and keeps the last ones.

    Args:
        sink: Gets each line.
        limit: Bytes of one line that are kept.
    """

    def __init__(self, sink: LineSink | None = None, limit: int = LINE_LIMIT) -> None:
        self.sink = sink
        self._limit = limit
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
        self._open += piece[: max(0, self._limit - len(self._open))]

    def _emit(self) -> None:
        if self._open:
            line = self._open.decode(errors="replace")
            self._open.clear()
            self.last.append(line)
            if self.sink is not None:
                self.sink(line)


class Frame:
    """Finds what a script printed on one stream: it stands between marks (see ``sealer.hosts.launcher``).

    Args:
        mark: The mark.
        sink: Gets what stands between, as it comes.

    Attributes:
        begun: Whether the first mark has come.
        status: The exit status behind the last mark, once it has come.
    """

    def __init__(self, mark: bytes, sink: Callable[[bytes], None]) -> None:
        self.begun = False
        self.status: int | None = None
        self._begin = b"\n" + mark + b"\n"
        self._mark = mark
        self._end = re.compile(re.escape(mark) + rb" (\d{1,3})\n")
        self._open_end = re.compile(re.escape(mark) + rb"(?: \d{0,3})?\Z")
        self._sink = sink
        self._held = b""

    def add(self, data: bytes) -> None:
        """Take more bytes; what comes before the first mark and behind the last is dropped."""
        if self.status is not None:
            return
        data = self._held + data
        if not self.begun:
            _, found, rest = data.partition(self._begin)
            if not found:
                self._held = data[-len(self._begin) + 1 :]
                return
            self.begun, data = True, rest
        end = self._end.search(data)
        if end is not None:
            content, self._held = data[: end.start()], b""
            self.status = int(end[1])
        else:
            cut = self._open_end.search(data)
            keep = len(data) - cut.start() if cut is not None else _overlap(data, self._mark)
            content, self._held = data[: len(data) - keep], data[len(data) - keep :]
        if content:
            self._sink(content)


def _overlap(data: bytes, mark: bytes) -> int:
    """Return how many of the last bytes may be the beginning of a mark."""
    first = max(0, len(data) - len(mark) + 1)
    while (first := data.find(mark[:1], first)) >= 0:
        if mark.startswith(data[first:]):
            return len(data) - first
        first += 1
    return 0
