"""What Sealer has changed on hosts and not taken back, as their own journals say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sealer.changes import quote
from sealer.cluster.session import Connections, Context, observe_all, require_all
from sealer.clusterfile import ClusterSpec
from sealer.model import Probe

_KEPT, _UNDO = "kept", "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a host's journal.

    Attributes:
        key: What was changed, such as ``file:/etc/hosts``.
        operation: The id of the operation that changed it.
        undoable: Whether there is anything to take back.
    """

    key: str
    operation: str
    undoable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """What a host's journal holds: what would be taken back, newest first."""

    host: str
    entries: tuple[Entry, ...]


async def residue(
    context: Context, connections: Connections, spec: ClusterSpec, *, operation: str | None = None
) -> tuple[Residue, ...]:
    """Ask hosts what Sealer has changed there and not taken back.

    Args:
        context: What a verb needs from outside.
        connections: To the hosts.
        spec: The cluster's name, and its data root.
        operation: The operation whose changes are asked for, or None for all.

    Raises:
        HostError: One host can't be reached or asked.
        HostsFailed: Several can't.
    """
    answers = await _ask(context, connections, spec)
    found = []
    for host, answer in answers.items():
        entries = [_entry(line) for line in answer.splitlines()]
        if operation is None:
            entries = _oldest(entries)
        else:
            entries = [entry for entry in entries if entry.operation == operation]
        found.append(Residue(host=host, entries=tuple(entries)))
    return tuple(found)


async def _ask(context: Context, connections: Connections, spec: ClusterSpec) -> Mapping[str, str]:
    journal = quote(f"{spec.data}/journal")
    script = (
        f"find {journal} -maxdepth 1 -name '[0-9]*-*' 2>/dev/null | sort -r | "
        f'while IFS= read -r entry; do undo={_KEPT}; if [ -e "$entry/undo" ]; then undo={_UNDO}; fi; '
        'IFS= read -r operation < "$entry/operation"; IFS= read -r key < "$entry/key"; '
        'echo "$undo $operation $key"; done'
    )
    probe = Probe(name="core/journal", script=script)
    facts = await observe_all(context, require_all(connections), (probe,), spec.data_root)
    return {host: fact.answers[probe.name] for host, fact in facts.items()}


def _entry(line: str) -> Entry:
    undo, _, rest = line.partition(" ")
    operation, _, key = rest.partition(" ")
    return Entry(key=key, operation=operation, undoable=undo == _UNDO)


def _oldest(entries: Iterable[Entry]) -> list[Entry]:
    """Return of each thing that was changed the oldest entry: it knows what was there before."""
    oldest: dict[str, Entry] = {}
    for entry in entries:
        oldest.pop(entry.key, None)
        oldest[entry.key] = entry
    return list(oldest.values())
