from __future__ import annotations

from sealer.events import (
    OperationFinished,
    OperationStarted,
    Outcome,
    StepFinished,
    StepStarted,
    TransferProgress,
)


def begin(*hosts: str, steps: int = 10, done: int = 0, verb: str = "run") -> OperationStarted:
    return OperationStarted(
        operation="o1", verb=verb, cluster="c", hosts=hosts, steps=steps, done=done, log="/log/o1.log"
    )


def end(
    changed: int = 0, unchanged: int = 0, failed: int = 0, blocked: int = 0, seconds: float = 93.2
) -> OperationFinished:
    return OperationFinished(
        operation="o1", failed=failed, blocked=blocked, changed=changed, unchanged=unchanged, seconds=seconds
    )


def start(host: str, title: str, attempt: int = 1) -> StepStarted:
    return StepStarted(step=f"{title}@{host}", title=title, host=host, attempt=attempt)


def finish(
    host: str,
    title: str,
    outcome: Outcome = Outcome.CHANGED,
    *,
    seconds: float = 4.1,
    changes: tuple[str, ...] = (),
    error: str | None = None,
) -> StepFinished:
    return StepFinished(
        step=f"{title}@{host}",
        title=title,
        host=host,
        outcome=outcome,
        seconds=seconds,
        changes=changes,
        error=error,
    )


def move(moved: int, total: int, *, subject: str = "copy", host: str | None = "n1") -> TransferProgress:
    return TransferProgress(subject=subject, host=host, moved=moved, total=total)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
