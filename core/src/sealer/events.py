"""What happens during long work, as plain data. Renderers in ``sealer.cli`` turn it into text."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Outcome(enum.StrEnum):
    """How a step ended."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    FAILED = "failed"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationStarted:
    """An operation begins. ``steps`` counts those of its plan, ``done`` those that an earlier run did."""

    operation: str
    verb: str
    cluster: str
    hosts: tuple[str, ...]
    steps: int
    done: int
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFinished:
    """An operation ended. ``seconds`` is wall time."""

    operation: str
    failed: int
    blocked: int
    changed: int
    unchanged: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins on its host; ``attempt`` counts from 1."""

    step: str
    title: str
    host: str
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """A step ended. ``changes`` describes what was changed; ``error`` is set when it failed."""

    step: str
    title: str
    host: str
    outcome: Outcome
    seconds: float
    changes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWaiting:
    """A step that runs waits for something; ``reason`` says why that is not so yet, secrets removed."""

    step: str
    title: str
    host: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress:
    """Bytes of one named stream that have been moved so far, of a known total."""

    subject: str
    host: str | None
    moved: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutput:
    """A line that a command printed on a host, secrets removed."""

    host: str
    step: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence for the user; ``warning`` marks what deserves attention."""

    text: str
    host: str | None = None
    warning: bool = False


Event = (
    OperationStarted
    | OperationFinished
    | StepStarted
    | StepFinished
    | StepWaiting
    | TransferProgress
    | HostOutput
    | Message
)

EventSink = Callable[[Event], None]
"""Takes events in the order they happen. It must not block and must not raise."""


def discard(event: Event) -> None:
    """Ignore an event: the sink of library code that nobody watches."""
