"""What Sealer has changed on hosts and not taken back, as their own journals say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sealer.changes import quote
from sealer.cluster.session import Context, observe_all, reach, require_all
from sealer.clusterfile import ClusterSpec
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """What a host's journal holds: the changes that would be taken back, newest first."""

    host: str
    changes: tuple[str, ...]


async def residue(
    context: Context, spec: ClusterSpec, *, operation: str | None = None
) -> tuple[Residue, ...]:
    """Ask hosts what Sealer has changed there and not taken back.

    Args:
        context: What a verb needs from outside.
        spec: The hosts, the cluster's name, and its data root.
        operation: The operation whose changes are asked for, or None for all.

    Raises:
        HostError: One host can't be reached or asked.
        HostsFailed: Several can't.
    """
    async with reach(context, spec, Redactor()) as connections:
        answers = await _ask(context, require_all(connections), spec, operation)
    return tuple(Residue(host=host, changes=tuple(answer.splitlines())) for host, answer in answers.items())


async def _ask(
    context: Context, connections: Mapping[str, Connection], spec: ClusterSpec, operation: str | None
) -> Mapping[str, str]:
    chosen = f'[ "$(cat "$entry/operation")" = {quote(operation)} ] && ' if operation else ""
    journal = quote(f"{spec.data_root}/{spec.name}/journal")
    script = (
        f"find {journal} -maxdepth 1 -name '[0-9]*-*' 2>/dev/null | sort -r | "
        f'while IFS= read -r entry; do {chosen}cat "$entry/key"; done'
    )
    probe = Probe(name="core/journal", script=script)
    facts = await observe_all(context, connections, (probe,), spec.data_root)
    return {host: fact.answers[probe.name] for host, fact in facts.items()}
