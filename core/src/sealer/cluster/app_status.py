"""How the applications on a cluster are: what the cluster keeps of them, and how their objects are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sealer.changes.objects import objects_helpers
from sealer.cluster.app_records import DEPLOYED, AppRecord
from sealer.cluster.launching import Asking
from sealer.cluster.readiness import MISSING, NOT_READY, READY, ObjectStatus, readiness
from sealer.errors import UsageError

UNKNOWN = "unknown"
"""The state of an application that says nothing of its objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStatus:
    """How one application is.

    Attributes:
        record: What the cluster keeps of it.
        state: ``ready``, ``not ready``, ``unknown``, or the state of the record when it isn't deployed.
        objects: Its objects, none when they are not known.
    """

    record: AppRecord
    state: str
    objects: tuple[ObjectStatus, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        record = self.record
        return {
            "name": record.app.release,
            "app": record.app.name,
            "type": record.app.type,
            "namespace": record.app.settings.namespace,
            "state": self.state,
            "image": record.image,
            "digest": record.digest,
            "revision": len(record.history),
            "launched": record.history[-1].time if record.history else "",
            "objects": [
                {
                    "kind": found.kind,
                    "namespace": found.namespace,
                    "name": found.name,
                    "state": found.state,
                    "reason": found.reason,
                }
                for found in self.objects
            ],
        }


async def app_statuses(cluster: Asking, names: Sequence[str] = ()) -> tuple[AppStatus, ...]:
    """Ask how applications are.

    Args:
        cluster: The cluster.
        names: Which, or none for all.

    Raises:
        UsageError: There is no such application.
        SealerError: The cluster can't be asked.
    """
    records = await cluster.records()
    known = {record.app.release: record for record in records}
    missing = [name for name in names if name not in known]
    if missing:
        listed = ", ".join(known) or "none"
        raise UsageError(f"there is no application {', '.join(missing)}", hint=f"there are: {listed}")
    chosen = [known[name] for name in names] if names else list(records)
    return tuple([await _status(cluster, record) for record in chosen])


async def _status(cluster: Asking, record: AppRecord) -> AppStatus:
    app_type = cluster.prepared.parts.app_types.get(record.app.type)
    listing = ""
    if app_type is not None and not record.app.cmds:
        listing = app_type.objects(cluster.prepared.cluster, record.app)
    objects = await _objects(cluster, listing) if listing else ()
    if record.state != DEPLOYED:
        state = record.state
    elif not objects:
        state = UNKNOWN
    else:
        state = READY if all(found.state == READY for found in objects) else NOT_READY
    return AppStatus(record=record, state=state, objects=objects)


async def _objects(cluster: Asking, listing: str) -> tuple[ObjectStatus, ...]:
    script = f'{objects_helpers()}\nmake_work\n{{\n{listing}\n}} > "$work/listed"\nstate_of_objects'
    text = await cluster.ask(script)
    listed, _, answers = text.partition("=\n")
    found = {_identity(item): item for item in _items(answers)}
    return tuple(_object(line.split(), found) for line in listed.splitlines() if len(line.split()) == 3)


def _object(words: Sequence[str], found: dict[tuple[str, str, str], Any]) -> ObjectStatus:
    kind, namespace, name = words
    namespace = "" if namespace == "-" else namespace
    item = found.get((kind.partition(".")[0], namespace, name))
    if item is None:
        return ObjectStatus(kind=kind, namespace=namespace, name=name, state=MISSING)
    reason = readiness(item)
    state = NOT_READY if reason else READY
    return ObjectStatus(kind=kind, namespace=namespace, name=name, state=state, reason=reason)


def _identity(item: Any) -> tuple[str, str, str]:
    metadata = item.get("metadata", {})
    return str(item.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name"))


def _items(text: str) -> Iterator[Any]:
    """Yield the objects of several JSON texts that follow one another."""
    decoder = json.JSONDecoder()
    text = text.lstrip()
    while text:
        item, end = decoder.raw_decode(text)
        yield from item.get("items", (item,))
        text = text[end:].lstrip()
