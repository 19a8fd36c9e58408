"""Waiting until something is so that others bring about, and saying meanwhile why it is not so yet."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.changes.base import Change

WAITING = "sealer-waits: "
"""How a line begins by which a host says what it waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Change):
    """Something that comes to be by itself, and is waited for.

    Attributes:
        title: What will hold, in a few words, such as ``every node is Ready``; unique on the host.
        until: sh that succeeds when it holds. It has to end by itself within some seconds.
        why: sh that prints why it does not hold, a reason a line, without secrets. It is asked again and
            again; people see the answer whenever it is another, and the last one is the failure in the end.
        limit: Seconds to wait.
        pause: Seconds between two attempts.
    """

    title: str
    until: str
    why: str
    limit: float
    pause: float = 2.0

    @property
    def key(self) -> str:
        return f"wait:{self.title}"

    def describe(self) -> str:
        return self.title

    def _functions(self) -> str:
        holds = f"holds() {{ (\n{self.until}\n) >/dev/null 2>&1; }}"
        return f"{holds}\nwhy_not() {{ (\n{self.why}\n) 2>/dev/null; }}"

    def observe(self) -> str:
        return f"{self._functions()}\nholds || {{ reasons; return 1; }}"

    def apply(self) -> str:
        return f"{self._functions()}\nwait_until {self.limit:.0f} {self.pause:g}"

    @property
    def timeout(self) -> float | None:
        return self.limit
