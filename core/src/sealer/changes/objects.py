"""Objects of an application in a cluster: applied, compared, awaited and removed by kubectl on the host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sealer.changes.base import Change
from sealer.changes.command import Command
from sealer.changes.quoting import quote

RECORDS_NAMESPACE = "sealer-system"
"""The namespace in which a cluster keeps what Sealer knows of its applications."""

FIELD_MANAGER = "sealer"

APPLY_TIMEOUT = 900.0
REMOVAL_TIMEOUT = 300

_UNUSABLE = re.compile(r"[^a-z0-9-]+")
_LONGEST_NAME = 200


def record_name(owner: str) -> str:
    """Return the name of an application in names of objects; different applications have different ones."""
    plain = _UNUSABLE.sub("-", owner.lower()).strip("-")[:_LONGEST_NAME]
    if plain == owner:
        return plain
    digest = hashlib.sha256(owner.encode()).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else f"x-{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects(Change):
    """The objects of some manifests are in the cluster, and those that an earlier version had are not.

    They are applied by the server (field manager ``sealer``); which they are is kept in the cluster, so that
    the next version knows what it no longer has.

    Attributes:
        owner: The application they belong to.
        render: sh that prints the manifests.
        namespace: Where objects are that name no namespace, or "" for the default.
    """

    owner: str
    render: str
    namespace: str = ""

    @property
    def key(self) -> str:
        return f"objects:{self.owner}"

    def describe(self) -> str:
        return f"objects of {self.owner}"

    @property
    def repeatable(self) -> bool:
        return True  # a webhook or definition among them may not answer at once

    @property
    def timeout(self) -> float | None:
        return APPLY_TIMEOUT

    def observe(self) -> str:
        unmade = "{ echo 'its manifests can not be made'; return 1; }"
        made = f"{{ {_made(self.render, self.namespace)}\n}} 2>/dev/null || {unmade}"
        return f"{objects_helpers()}\n{made}\nobjects_hold {quote(_list_name(self.owner))}"

    def apply(self) -> str:
        apply = f"apply_objects {quote(_list_name(self.owner))} {quote(record_name(self.owner))}"
        return f"{objects_helpers()}\n{_made(self.render, self.namespace)}\n{apply}"


def _made(render: str, namespace: str) -> str:
    """Return a list of commands that leaves manifests in a directory of its own."""
    return f'make_work && in_namespace {quote(namespace)} && {{\n{render}\n}} > "$work/manifests"'


def with_images(render: str, images: Sequence[tuple[str, str]]) -> str:
    """Return sh that prints manifests with other names of container images.

    Args:
        render: sh that prints the manifests.
        images: Names as they are written, and those to put in their place.
    """
    if not images:
        return render
    table = "\n".join(f"{name} {target}" for name, target in images)
    return f'{{\n{render}\n}} > "$work/named" && rename_images {quote(table)} < "$work/named"'


def kept_objects(owner: str) -> str:
    """Return sh that lists the objects that ``Objects`` has applied for an application."""
    return f"kept_objects {quote(_list_name(owner))}"


def live_objects(render: str, namespace: str) -> str:
    """Return sh that prints the objects that manifests name, as YAML, as they are in the cluster."""
    return f"{objects_helpers()}\n{_made(render, namespace)}\nlive_objects"


def wanted_objects(render: str, namespace: str) -> str:
    """Return sh that prints the objects that manifests name, as YAML, as applying them would make them."""
    return f"{objects_helpers()}\n{_made(render, namespace)}\nwanted_objects"


def removed_objects(owner: str) -> Command:
    """Return the change after which nothing is there that ``Objects`` has applied for an application."""
    name = quote(_list_name(owner))
    kept = f"kubectl get configmap {name} -n {RECORDS_NAMESPACE} --ignore-not-found -o name"
    return Command(
        title=f"remove the objects of {owner}",
        run=f"{objects_helpers()}\nmake_work\nremove_objects {name} {REMOVAL_TIMEOUT}",
        unless=f'found=$({kept}) && [ -z "$found" ]',
        limit=REMOVAL_TIMEOUT + 120.0,
        repeatable=True,
    )


def ready_objects(owner: str, listing: str, *, seconds: int) -> Command:
    """Return the change that waits until objects are ready: rollouts, jobs, pods, definitions.

    Args:
        owner: The application they belong to.
        listing: sh that lists them; the helper functions are there for it.
        seconds: How long it waits.
    """
    ready = f'{objects_helpers()}\nmake_work\n{{\n{listing}\n}} > "$work/listed"'
    return Command(
        title=f"{owner} is ready",
        run=f'{ready}\nwait_for_objects {seconds} < "$work/listed"',
        unless=f'set -e\n{ready}\nwait_for_objects 1 < "$work/listed"',
        limit=seconds + 60.0,
    )


def _list_name(owner: str) -> str:
    return f"objects-{record_name(owner)}"


@cache
def objects_helpers() -> str:
    """Return the helper functions that scripts about objects use."""
    text = files("sealer.changes").joinpath("objects.sh").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
