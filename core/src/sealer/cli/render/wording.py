"""Sizes, times and lines as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sealer.events import Outcome

_UNITS = ("B", "kB", "MB", "GB", "TB")

ORDER = (Outcome.CHANGED, Outcome.UNCHANGED, Outcome.FAILED, Outcome.BLOCKED, Outcome.INTERRUPTED)


def size(count: float) -> str:
    """Return a number of bytes in units of 1000, such as ``12.3 MB``."""
    for unit in _UNITS[:-1]:
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """Return a time span, such as ``4.1s``, ``1m33s`` or ``2h05m``."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text without control characters, so that no host can play with a terminal."""
    return tuple(
        "".join(c for c in line.replace("\t", " ") if c.isprintable()) for line in text.splitlines()
    ) or ("",)


def line(text: str) -> str:
    """Return a text as one line without control characters."""
    return " ".join(lines(text))


def counts(numbers: Mapping[Outcome, int]) -> str:
    """Return outcomes with their numbers, such as ``12 changed, 1 failed``."""
    said = [f"{numbers[outcome]} {outcome}" for outcome in ORDER if numbers.get(outcome)]
    return ", ".join(said) or "nothing to do"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 host`` and ``2 hosts``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def some(names: Sequence[str], most: int = 4) -> str:
    """Return names joined by commas, the last ones as a number when there are too many."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
