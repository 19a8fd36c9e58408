"""Reads what scripts report: records on standard output, and marks among the lines of the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MARK = "\x1e"
"""Begins what scripts put into the log to say which step and change the lines behind it are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """What became of one change: ``state`` is same, changed, kept (not to be undone), needed or failed."""

    index: int
    state: str
    reason: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionReport:
    """What became of one of several steps: ``state`` is begin, done or stopped."""

    number: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueReport:
    """A value that a change yields."""

    index: int
    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesKnown:
    """The secrets that a change yields have been told, as far as it has any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingBlob:
    """A blob that the host lacks."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobsReceived:
    """The stream of blobs has arrived, whole and sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The script came to its end, and nothing failed."""


Record = ChangeReport | SectionReport | ValueReport | ValuesKnown | MissingBlob | BlobsReceived | Ended


def read_record(line: str) -> Record | None:
    """Read one line of a script's standard output; None when it is no record."""
    words, plain, text = line.partition("=")
    match words.split():
        case ["end"]:
            return Ended()
        case ["received"]:
            return BlobsReceived()
        case ["known"]:
            return ValuesKnown()
        case ["step", number, ("begin" | "done" | "stopped") as state] if number.isdecimal():
            return SectionReport(number=int(number), state=state)
        case [index, ("same" | "changed" | "kept" | "needed") as state, *rest] if index.isdecimal():
            return ChangeReport(index=int(index), state=state, reason=text if plain else _text(rest))
        case [index, "failed", status, *rest] if index.isdecimal() and status.isdecimal():
            reason = text if plain else _text(rest)
            return ChangeReport(index=int(index), state="failed", status=int(status), reason=reason)
        case [index, "value", key, *rest] if index.isdecimal():
            return ValueReport(index=int(index), key=key, text=text if plain else _text(rest))
        case [_, "blob", digest]:
            return MissingBlob(digest=f"sha256:{digest}")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptReport:
    """What a script reported.

    Attributes:
        changes: What became of changes.
        values: What they yield, by key.
        missing_blobs: The digests of what the host lacks.
        complete: Whether it came to its end and nothing failed.
        stopped: Whether it was stopped between two changes.
    """

    changes: tuple[ChangeReport, ...]
    values: tuple[tuple[str, str], ...]
    missing_blobs: tuple[str, ...]
    complete: bool
    stopped: bool = False


def read_report(lines: Sequence[str]) -> ScriptReport:
    """Read the records of a script that visits one step; lines that are no records are ignored."""
    records = [record for line in lines if (record := read_record(line)) is not None]
    return ScriptReport(
        changes=tuple(record for record in records if isinstance(record, ChangeReport)),
        values=tuple((record.key, record.text) for record in records if isinstance(record, ValueReport)),
        missing_blobs=tuple(record.digest for record in records if isinstance(record, MissingBlob)),
        complete=any(isinstance(record, Ended) for record in records),
        stopped=any(isinstance(record, SectionReport) and record.state == "stopped" for record in records),
    )


def _text(parts: Sequence[str]) -> str:
    """Decode the text of a record that is hex because it holds more than plain characters."""
    try:
        return bytes.fromhex(parts[0]).decode(errors="replace") if parts else ""
    except ValueError:
        return ""
