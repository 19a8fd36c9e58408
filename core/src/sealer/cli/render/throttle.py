"""Thins out the events of transfers, which come with every chunk."""

from __future__ import annotations

from sealer.events import Event, TransferProgress


class Throttle:
    """Lets all events pass but those of transfers, of each of which one passes in a time.

    Args:
        seconds: Between two events of one transfer. The last one always passes, once.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._passed: dict[tuple[str | None, str], tuple[float, bool]] = {}

    def passes(self, event: Event, now: float) -> bool:
        """Return whether to go on with an event."""
        if not isinstance(event, TransferProgress):
            return True
        key = (event.host, event.subject)
        finished = event.moved >= event.total
        at, was_finished = self._passed.get(key, (float("-inf"), False))
        if now - at < self._seconds and (was_finished or not finished):
            return False
        self._passed[key] = (now, finished)
        return True
