"""The document Plugin: a task of some type, when it is done, and on which hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sealer.clusterfile.fields import Fields, Reader, nearest
from sealer.clusterfile.selectors import is_part, parts_of, selects
from sealer.clusterfile.tree import Node
from sealer.errors import Place
from sealer.model import Host, Phase

PLUGIN_API_VERSION = "sealer.io/v1"

_EARLIER = {
    "originally": (Phase.PRE_INIT_HOST,),
    "preinit": (Phase.PRE_INIT_HOST,),
    "prejoin": (Phase.PRE_SCALEUP,),
    "postjoin": (Phase.POST_SCALEUP,),
    "preinstall": (Phase.PRE_INSTALL,),
    "preguest": (Phase.PRE_LAUNCH,),
    "postinstall": (Phase.POST_INSTALL,),
    "preclean": (Phase.PRE_CLEAN_HOST,),
    "postclean": (Phase.POST_CLEAN_HOST,),
}
"""The names that phases had in Sealer 0.8."""

_TYPE = re.compile(r"[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpec:
    """A document of kind ``Plugin``.

    Attributes:
        name: Of the document, unique.
        type: The name of the type of task, in small letters.
        phases: When it is done.
        scope: Which hosts: roles, addresses, ranges and labels with ``|`` or ``,`` between; "" for all.
        data: What to do.
        place: Where it begins, for messages.
    """

    name: str
    type: str
    phases: tuple[Phase, ...]
    scope: str = ""
    data: str = ""
    place: Place | None = field(default=None, compare=False, repr=False)

    def chooses(self, host: Host) -> bool:
        """Tell whether a host is one of those it is for."""
        return selects(self.scope, names=(host.name, host.address), roles=host.roles, labels=host.labels)


def read_plugin(reader: Reader, node: Node) -> PluginSpec:
    """Return what a ``Plugin`` document says; problems go to the reader's."""
    document = Fields(reader, node, "")
    document.ignore("apiVersion", "kind")
    metadata = document.fields("metadata")
    name = metadata.line("name")
    if name is None:
        document.problem("metadata", "must have a name", "write as: metadata: {name: my-task}")
    metadata.finish()
    spec = document.fields("spec")
    kind = spec.line("type")
    if kind is None or not _TYPE.fullmatch(kind):
        spec.problem("type", "is missing" if kind is None else "is no name of a type", "such as SHELL")
    plugin = PluginSpec(
        name=name or "",
        type=(kind or "").lower(),
        phases=tuple(_phases(spec)),
        scope=_scope(spec),
        data=spec.text("data") or "",
        place=reader.problems.source.place(node.position),
    )
    spec.finish()
    document.finish()
    return plugin


def _phases(spec: Fields) -> Iterator[Phase]:
    text = spec.line("action")
    if text is None:
        spec.problem("action", "is missing", f"one of: {', '.join(Phase)}")
        return
    known = tuple(str(phase) for phase in Phase)
    for word in text.split("|"):
        name = word.strip()
        if name in known:
            yield Phase(name)
        elif name.lower() in _EARLIER:
            yield from _EARLIER[name.lower()]
        else:
            spec.problem("action", f"{name!r} is no phase", nearest(name, known))


def _scope(spec: Fields) -> str:
    scope, on = spec.line("scope"), spec.line("on")
    if scope is not None and on is not None:
        spec.problem("on", "stands beside scope", "keep one of them")
    text = scope or on or ""
    for word in parts_of(text):
        if not is_part(word):
            field_name = "on" if scope is None else "scope"
            spec.problem(
                field_name, f"{word!r} chooses no hosts", "write roles, addresses, a-b, or key=value"
            )
    return text


def render_plugin(plugin: PluginSpec) -> dict[str, Any]:
    """Return a document as plain data."""
    spec: dict[str, Any] = {"type": plugin.type.upper(), "action": "|".join(plugin.phases)}
    if plugin.scope:
        spec["scope"] = plugin.scope
    if plugin.data:
        spec["data"] = plugin.data
    return {
        "apiVersion": PLUGIN_API_VERSION,
        "kind": "Plugin",
        "metadata": {"name": plugin.name},
        "spec": spec,
    }
