"""Environment variables: the field ``env`` of a cluster or a host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sealer.clusterfile.fields import TEXT, Fields
from sealer.clusterfile.source import Position
from sealer.clusterfile.tree import Node, Sequence

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_environment(fields: Fields) -> Mapping[str, str]:
    """Return the field ``env``: a list of ``NAME=value``, or a mapping."""
    node = fields.node("env")
    path = fields.path_of("env")
    result: dict[str, tuple[str, Position]] = {}
    for name, value, position in _assignments(fields, node, path):
        if not VARIABLE.fullmatch(name):
            fields.reader.problems.add(
                position, f"{name!r} is no name of a variable", "use letters, digits and underscores"
            )
        elif name in result:
            line = result[name][1].line
            fields.reader.problems.add(position, f"{name} is set twice, first in line {line}")
        else:
            result[name] = (value, position)
    names = {"type": "object", "additionalProperties": dict(TEXT)}
    fields.note("env", anyOf=[{"type": ["array", "null"], "items": {"type": "string"}}, names])
    return {name: value for name, (value, _) in result.items()}


def _assignments(fields: Fields, node: Node | None, path: str) -> Iterator[tuple[str, str, Position]]:
    if not isinstance(node, Sequence):
        yield from fields.pairs("env")
        return
    for text, position, item_path in fields.reader.texts(node, path):
        name, equals, value = text.partition("=")
        if equals:
            yield name, value, position
        else:
            fields.reader.problems.add(position, f"{item_path} has no =", "write as: NAME=value")
