"""The JSON Schema of Clusterfiles, for editors: made by the very readers that Clusterfiles are read with.

Each reader is given a document with nothing but the lists of mappings in it, and notes what it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sealer.clusterfile.fields import Notes, Reader
from sealer.clusterfile.model import CLUSTER_API_VERSION
from sealer.clusterfile.plugin_documents import PLUGIN_API_VERSION, read_plugin
from sealer.clusterfile.schema import read_cluster
from sealer.clusterfile.settings_documents import CONFIG_API_VERSION, read_application, read_config
from sealer.clusterfile.source import Problems, Source
from sealer.clusterfile.tree import Node, compose_documents

_CLUSTER = """\
metadata: {}
spec:
  hosts: [{ssh: &s {jump: [{host: x}]}}]
  hostAliases: [{}]
  ssh: *s
  registry: {localRegistry: {caches: [{}]}}
"""
_CACHED = "spec.registry.localRegistry.caches[].domain"

_SPECIMENS: dict[str, tuple[str, Callable[[Reader, Node], object], str, tuple[str, ...]]] = {
    "Cluster": (
        CLUSTER_API_VERSION,
        read_cluster,
        _CLUSTER,
        ("metadata", "metadata.name", "spec.hosts[].ips", "spec.hosts[].roles", _CACHED),
    ),
    "Application": (
        CLUSTER_API_VERSION,
        read_application,
        "metadata: {}\nspec: {configs: [{files: [{}]}]}",
        ("metadata", "metadata.name", "spec.configs[].name", "spec.configs[].files[].path"),
    ),
    "Config": (
        CONFIG_API_VERSION,
        read_config,
        "metadata: {}\nspec: {}",
        ("metadata", "metadata.name", "spec", "spec.path"),
    ),
    "Plugin": (
        PLUGIN_API_VERSION,
        read_plugin,
        "metadata: {}\nspec: {}",
        ("metadata", "metadata.name", "spec", "spec.type", "spec.action"),
    ),
}
"""By kind: its apiVersion, its reader, a document with its lists, and the paths of what it must have."""

_INDEX = re.compile(r"\[\d+\]")


def clusterfile_schema() -> dict[str, Any]:
    """Return the JSON Schema of one document of a Clusterfile; editors hold each of them against it."""
    own = [_kind(kind, *specimen) for kind, specimen in _SPECIMENS.items()]
    group = {"type": "string", "pattern": r"^sealer\.(io|cloud)/"}
    settings = {
        "title": "settings of a cluster runtime",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": group,
            "kind": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]+Config$"},
        },
    }
    strangers = {
        "title": "a document for the cluster runtime",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"not": group}, "kind": {"type": "string"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Clusterfile",
        "type": "object",
        "oneOf": [*own, settings, strangers],
    }


def _kind(
    kind: str,
    api_version: str,
    read: Callable[[Reader, Node], object],
    specimen: str,
    required: tuple[str, ...],
) -> dict[str, Any]:
    problems = Problems(Source(kind, specimen))
    (node,) = compose_documents(specimen, problems)
    notes: Notes = {}
    read(Reader(problems, {}, notes=notes), node)
    schema = _tree(notes, required)
    _allow_short_forms(schema)
    group, _, version = api_version.partition("/")
    schema["properties"]["apiVersion"] = {
        "enum": [api_version, f"{group.replace('.io', '.cloud')}/{version}"]
    }
    schema["properties"]["kind"] = {"const": kind}
    schema["required"] = ["apiVersion", "kind", *schema.get("required", [])]
    return {"title": kind, **schema}


def _allow_short_forms(schema: dict[str, Any]) -> None:
    """Let jump hosts be one text or one mapping as well as a list of them."""
    for name, found in schema.get("properties", {}).items():
        if name == "jump" and "items" in found:
            one = {"anyOf": [{"type": "string"}, found["items"]]}
            found.clear()
            found["anyOf"] = [{"type": "null"}, *one["anyOf"], {"type": "array", "items": one}]
        for inner in (found, found.get("items", {})):
            _allow_short_forms(inner)


def _tree(notes: Notes, required: tuple[str, ...]) -> dict[str, Any]:
    """Turn the schemas of fields, by their paths, into the schema of the whole."""
    root: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
    for path, schema in notes.items():
        parts = _INDEX.sub("[]", path).split(".")
        where = root
        for part in parts[:-1]:
            where = _inside(where, part)
        where["properties"].setdefault(parts[-1], {})
        if schema and "properties" not in where["properties"][parts[-1]]:
            where["properties"][parts[-1]] = schema
    for path in required:
        *above, last = path.split(".")
        where = root
        for part in above:
            where = _inside(where, part)
        where.setdefault("required", []).append(last)
    return root


def _inside(where: dict[str, Any], part: str) -> dict[str, Any]:
    """Return the schema of the mapping that a field is, or that the items of a list are."""
    name = part.removesuffix("[]")
    found: dict[str, Any] = where["properties"].setdefault(name, {})
    if part.endswith("[]"):
        if "items" not in found or "properties" not in found["items"]:
            found.clear()
            found.update(type=["array", "null"], items=_mapping("object"))
        items: dict[str, Any] = found["items"]
        return items
    if "properties" not in found:
        found.clear()
        found.update(_mapping(["object", "null"]))
    return found


def _mapping(kind: Any) -> dict[str, Any]:
    return {"type": kind, "properties": {}, "additionalProperties": False}
