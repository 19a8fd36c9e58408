"""The schema for editors: it says of documents what the readers say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealer.clusterfile.json_schema import clusterfile_schema

SCHEMA = clusterfile_schema()
KINDS = {one["title"]: one for one in SCHEMA["oneOf"]}
PAGE = Path(__file__).parents[3] / "docs/clusterfile.md"


def faults(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """Hold a value against the part of JSON Schema that is used here."""
    if "anyOf" in schema:
        tried = [faults(one, value, path) for one in schema["anyOf"]]
        return [] if [] in tried else tried[-1]
    if value not in schema.get("enum", [schema.get("const", value)]):
        return [f"{path}: {value!r}"]
    if not _is_of(schema.get("type", []), value):
        return [f"{path}: {type(value).__name__}"]
    found = []
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{path}: no {name}" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            if name in schema["properties"]:
                found += faults(schema["properties"][name], inner, f"{path}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{path}.{name} is not known")
    for number, inner in enumerate(value if isinstance(value, list) else ()):
        found += faults(schema.get("items", {}), inner, f"{path}[{number}]")
    return found


def _is_of(names: str | list[str], value: Any) -> bool:
    allowed = [names] if isinstance(names, str) else names
    return not allowed or any(isinstance(value, TYPES[name]) for name in allowed)


TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": type(None),
}


def documents() -> list[dict[str, Any]]:
    texts = re.findall(r"```yaml\n(apiVersion:.*?)```", PAGE.read_text(), re.DOTALL)
    return [document for text in texts for document in yaml.safe_load_all(text)]


@pytest.mark.parametrize("document", documents(), ids=lambda one: str(one["kind"]))
def test_documents_of_the_page_fit(document: dict[str, Any]) -> None:
    assert faults(KINDS[document["kind"]], document) == []


def test_every_kind_is_there() -> None:
    assert {"Cluster", "Application", "Config", "Plugin"} <= KINDS.keys()
    assert {document["kind"] for document in documents()} == {"Cluster", "Application", "Config", "Plugin"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"spec": {"hsts": []}}, ".spec.hsts is not known"),
        ({"spec": {"hosts": [{"roles": ["master"]}]}}, ".spec.hosts[0]: no ips"),
        ({"spec": {"hosts": "n1"}}, ".spec.hosts: str"),
        ({"spec": {"ssh": {"port": [22]}}}, ".spec.ssh.port: list"),
        (
            {"spec": {"registry": {"localRegistry": {"caches": [{"url": "https://a"}]}}}},
            ".spec.registry.localRegistry.caches[0]: no domain",
        ),
        ({"metadata": {}}, ".metadata: no name"),
        ({"apiVersion": "sealer.io/v1"}, ".apiVersion: 'sealer.io/v1'"),
    ],
)
def test_what_readers_refuse_does_not_fit(change: dict[str, Any], fault: str) -> None:
    document = {"apiVersion": "sealer.io/v2", "kind": "Cluster", "metadata": {"name": "c"}, **change}
    assert faults(KINDS["Cluster"], document) == [fault]


@pytest.mark.parametrize("jump", ["a@b:22", {"host": "b", "user": "a"}, [{"host": "b"}, "c"]])
def test_jump_hosts_have_short_forms(jump: Any) -> None:
    document = {"apiVersion": "sealer.io/v2", "kind": "Cluster", "metadata": {"name": "c"}}
    assert faults(KINDS["Cluster"], {**document, "spec": {"ssh": {"jump": jump}}}) == []


@pytest.mark.parametrize("env", [["A=b"], {"A": "b", "C": 1}, None])
def test_environment_has_two_forms(env: Any) -> None:
    document = {"apiVersion": "sealer.io/v2", "kind": "Cluster", "metadata": {"name": "c"}}
    assert faults(KINDS["Cluster"], {**document, "spec": {"env": env}}) == []
