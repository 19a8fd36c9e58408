"""The document Plugin: a task of some type, when it is done, and on which hosts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sealer.clusterfile.fields import Fields, Reader, nearest
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
_LABEL = re.compile(r"(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)=(?P<value>[A-Za-z0-9._-]*)")
_ROLE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


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
        parts = [part.strip() for part in re.split(r"[|,]", self.scope) if part.strip()]
        return not parts or any(_matches(part, host) for part in parts)


def _matches(part: str, host: Host) -> bool:
    label = _LABEL.fullmatch(part)
    if label is not None:
        return host.labels.get(label["key"]) == label["value"]
    if part in host.roles or part in {host.address, host.name}:
        return True
    first, dash, last = part.partition("-")
    low, high, own = _address(first), _address(last), _address(host.address)
    if not dash or low is None or high is None or own is None:
        return own is not None and own == _address(part)
    return low.version == own.version == high.version and int(low) <= int(own) <= int(high)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


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
    for part in re.split(r"[|,]", text) if text else ():
        word = part.strip()
        first, dash, last = word.partition("-")
        is_range = dash and _address(first) is not None and _address(last) is not None
        if not (is_range or _address(word) or _LABEL.fullmatch(word) or _ROLE.fullmatch(word)):
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
