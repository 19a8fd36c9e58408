"""How many sessions one connection has at a time: as many as the host turns out to allow."""

from __future__ import annotations

import asyncio
from types import TracebackType


class SessionSlots:
    """A semaphore whose limit shrinks when the host refuses one more session (sshd's MaxSessions).

    Args:
        limit: The number of sessions to begin with.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._active = 0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._take()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        async with self._changed:
            self._active -= 1
            self._changed.notify_all()

    async def narrow(self) -> bool:
        """Take that the host refused a session for which a slot is held: wait until another one has ended.

        Returns:
            False when there is no other, so that the limit can't be the reason.
        """
        async with self._changed:
            others = self._active - 1
            if others == 0:
                self.limit = 1
                return False
            self.limit = min(self.limit, others)
            self._active -= 1
            try:
                await self._changed.wait_for(self._free)
            finally:
                self._active += 1
            return True

    async def _take(self) -> None:
        await self._changed.wait_for(self._free)
        self._active += 1

    def _free(self) -> bool:
        return self._active < self.limit
