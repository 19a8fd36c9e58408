"""Reports how far a build is: the layers of one instruction, or of one container image, as one transfer."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sealer.build.layer_plans import LayerPlan
from sealer.events import EventSink, TransferProgress

_EVERY = 8 << 20


class Progress:
    """Counts the bytes of layers that several threads write.

    Args:
        plans: All layers that will be written.
        sink: Is told about each subject now and then, and when it is complete.
    """

    def __init__(self, plans: Iterable[LayerPlan], sink: EventSink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        for plan in plans:
            self._totals[plan.subject] = self._totals.get(plan.subject, 0) + plan.size

    def add(self, subject: str, count: int) -> None:
        """Count bytes; what layers have beside the content of files counts for nothing."""
        with self._lock:
            total = self._totals[subject]
            done = self._done[subject] = min(total, self._done.get(subject, 0) + count)
            if done < total and done - self._reported.get(subject, -_EVERY) < _EVERY:
                return
            self._reported[subject] = done
            self._sink(TransferProgress(subject=subject, host=None, moved=done, total=total))
