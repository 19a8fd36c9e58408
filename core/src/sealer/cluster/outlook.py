"""What an operation would do, host by host and with reasons: the value that is shown, kept and compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

VERSION = 1
"""Of the form of plans as plain data; ``docs/plan.md`` describes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """A change that would be made or taken back, and why."""

    change: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step of a plan, with what would be changed, in order.

    Attributes:
        step: Its id.
        title: What it does, for people.
        host: The host's name.
        changes: Empty when the host is as the step wants it.
    """

    step: str
    title: str
    host: str
    changes: tuple[PlannedChange, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "step": self.step,
            "title": self.title,
            "host": self.host,
            "changes": [{"change": one.change, "reason": one.reason} for one in self.changes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What an operation would do.

    Attributes:
        verb: Of the operation: ``run``, ``delete``, ….
        cluster: The cluster's name.
        image: The image, or "" when it is about none.
        hosts: The names of all hosts it is about, in order.
        steps: All steps, in an order in which they could be made one by one.
    """

    verb: str
    cluster: str
    image: str
    hosts: tuple[str, ...]
    steps: tuple[PlannedStep, ...]

    @property
    def needed(self) -> tuple[PlannedStep, ...]:
        """The steps that would change something."""
        return tuple(step for step in self.steps if step.changes)

    @property
    def changes_by_host(self) -> dict[str, int]:
        """How many changes would be made on each host, of all hosts."""
        numbers = Counter(dict.fromkeys(self.hosts, 0))
        for step in self.steps:
            numbers[step.host] += len(step.changes)
        return dict(numbers)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        by_host = self.changes_by_host
        return {
            "version": VERSION,
            "verb": self.verb,
            "cluster": self.cluster,
            "image": self.image,
            "summary": {
                "changes": sum(by_host.values()),
                "steps": len(self.steps),
                "steps_needed": len(self.needed),
                "hosts": by_host,
            },
            "steps": [step.to_plain() for step in self.steps],
        }
