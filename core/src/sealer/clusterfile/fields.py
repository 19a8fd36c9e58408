"""Typed reading of YAML nodes: every problem is noted with its place, and reading goes on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from sealer.clusterfile.scalars import NULLS, plain_value
from sealer.clusterfile.source import Position, Problems
from sealer.clusterfile.substitution import Unresolved, substitute
from sealer.clusterfile.tree import Mapping, Node, Scalar, Sequence

_KEY_END = re.compile(r"[:=\s]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Return a hint that names the nearest known word, or all of them when none is near."""
    lower = {name.lower(): name for name in reversed(known)}
    close = difflib.get_close_matches(word.lower(), lower, n=1)
    return f"did you mean {lower[close[0]]}?" if close else f"one of: {', '.join(known)}"


def is_null(node: Node | None) -> bool:
    """Return whether there is no value: no node, or one that says nothing."""
    return node is None or (isinstance(node, Scalar) and node.plain and node.text in NULLS)


Notes = dict[str, dict[str, Any]]
"""What was asked for: JSON Schema of each field, by its path."""

TEXT: MappingType[str, Any] = {"type": ["string", "number", "boolean", "null"]}
"""What can be read as a text."""


class Reader:
    """Reads nodes of one source with the variables of one environment.

    Args:
        problems: Gets what is wrong.
        env: The variables, or None when texts stand for themselves.
        notes: Gets what is asked for, so that a schema can be made of it.
    """

    def __init__(
        self, problems: Problems, env: MappingType[str, str] | None, *, notes: Notes | None = None
    ) -> None:
        self.problems = problems
        self.notes = notes
        self._env = env

    def text(self, scalar: Scalar) -> str | None:
        """Return a scalar's text with its variables filled in, or None after noting one that is not set."""
        if self._env is None:
            return scalar.text
        value, unresolved = substitute(scalar.text, self._env)
        for reference in unresolved:
            self.problems.add(_inside(scalar, reference), reference.message, reference.hint)
        return None if unresolved else value

    def text_of(self, node: Node, path: str) -> str | None:
        """Return the text of a node, or None after noting that it is none."""
        if isinstance(node, Scalar):
            return self.text(node)
        self.problems.add(node.position, f"{path} must be a text, not a {_kind(node)}")
        return None

    def items(self, node: Node | None, path: str) -> Iterator[tuple[Node, str]]:
        """Yield the items of a list, each with its path."""
        if isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                yield item, f"{path}[{number}]"
        elif node is not None and not is_null(node):
            self.problems.add(node.position, f"{path} must be a list, not a {_kind(node)}")

    def texts(self, node: Node | None, path: str) -> Iterator[tuple[str, Position, str]]:
        """Yield the texts of a list, each with its position and path; empty ones are problems."""
        for item, item_path in self.items(node, path):
            value = self.text_of(item, item_path)
            if value is None:
                continue
            if value == "" or is_null(item):
                self.problems.add(item.position, f"{item_path} is empty")
            else:
                yield value, item.position, item_path

    def plain(self, node: Node) -> Any:
        """Return a node as plain data: dicts with text keys, lists, texts, numbers, booleans and None."""
        if isinstance(node, Mapping):
            return {key.text: self.plain(value) for key, value in node.entries}
        if isinstance(node, Sequence):
            return [self.plain(item) for item in node.items]
        value = self.text(node)
        return plain_value(value) if node.plain and value is not None else value


class Fields:
    """The fields of one mapping, each asked for by name; what nobody asked for is unknown."""

    def __init__(self, reader: Reader, node: Node | None, path: str) -> None:
        self.reader = reader
        self.path = path
        self._nodes: dict[str, tuple[Scalar, Node]] = {}
        self._known: list[str] = []
        self.position = Position(1, 1) if node is None else node.position
        if isinstance(node, Mapping):
            self._nodes = {key.text: (key, value) for key, value in node.entries}
        elif not is_null(node) and node is not None:
            reader.problems.add(node.position, f"{path} must be a mapping, not a {_kind(node)}")

    def path_of(self, name: str) -> str:
        """Return the path of a field, such as ``spec.ssh.port``."""
        return f"{self.path}.{name}" if self.path else name

    def note(self, name: str, **schema: Any) -> None:
        """Say what a field may hold, for those who want to know; a later word counts more."""
        if self.reader.notes is not None:
            self.reader.notes[self.path_of(name)] = dict(schema)

    def node(self, name: str) -> Node | None:
        """Return the value of a field, or None when it is absent or says nothing."""
        self._known.append(name)
        self.note(name)
        _, node = self._nodes.get(name, (None, None))
        return None if is_null(node) else node

    def problem(self, name: str, message: str, hint: str | None = None) -> None:
        """Note a problem of a field's value, or of the mapping when the field is absent."""
        entry = self._nodes.get(name)
        position = self.position if entry is None else entry[1].position
        self.reader.problems.add(position, f"{self.path_of(name)} {message}", hint)

    def text(self, name: str) -> str | None:
        """Return a text; an empty one counts as absent."""
        node = self.node(name)
        self.note(name, **TEXT)
        return (self.reader.text_of(node, self.path_of(name)) or None) if node is not None else None

    def line(self, name: str) -> str | None:
        """Return a text of one line without blanks around it; an empty one counts as absent."""
        value = self.text(name)
        if value is not None and (_CONTROL.search(value) or value != value.strip()):
            self.problem(name, "must be one line without blanks around it")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of texts, or None when the field is absent."""
        node = self.node(name)
        self.note(name, type=["array", "null"], items=dict(TEXT))
        if node is None:
            return None
        return tuple(value for value, _, _ in self.reader.texts(node, self.path_of(name)))

    def number(self, name: str, *, least: int, most: int) -> int | None:
        """Return a whole number within bounds; quotes around it are fine."""
        value = self.text(name)
        self.note(name, type=["integer", "string", "null"], minimum=least, maximum=most)
        if value is None:
            return None
        if value.isascii() and value.isdigit() and len(value) <= 18 and least <= int(value) <= most:
            return int(value)
        self.problem(name, f"must be a number from {least} to {most}")
        return None

    def fields(self, name: str) -> Fields:
        """Return the fields of a mapping within this one; without it they are all absent."""
        return Fields(self.reader, self.node(name), self.path_of(name))

    def has(self, name: str) -> bool:
        """Return whether a field says something."""
        return not is_null(self._nodes.get(name, (None, None))[1])

    def pairs(self, name: str) -> Iterator[tuple[str, str, Position]]:
        """Yield the entries of a mapping of texts; an entry without a value has the empty text."""
        node = self.node(name)
        self.note(name, type=["object", "null"], additionalProperties=dict(TEXT))
        path = self.path_of(name)
        if isinstance(node, Mapping):
            for key, value in node.entries:
                text = "" if is_null(value) else self.reader.text_of(value, f"{path}.{key.text}")
                if text is not None:
                    yield key.text, text, key.position
        elif node is not None:
            self.reader.problems.add(node.position, f"{path} must be a mapping, not a {_kind(node)}")

    def ignore(self, *names: str) -> None:
        """Accept fields whose values say nothing to Sealer."""
        self._known += names
        for name in names:
            self.note(name)

    def not_built(self, *names: str) -> None:
        """Refuse fields that Sealer has, and that this version can't follow yet."""
        for name in names:
            if self.node(name) is not None:
                key, _ = self._nodes[name]
                self.reader.problems.add(key.position, f"{self.path_of(name)} is not built yet", "remove it")

    def finish(self) -> None:
        """Note every field that nobody asked for."""
        for name, (key, _) in self._nodes.items():
            if name not in self._known:
                # Without a blank behind its colon a value, perhaps a secret, is part of the key.
                word = _KEY_END.split(name, maxsplit=1)[0]
                hint = nearest(word, tuple(self._known)) if word == name else "put a blank behind the colon"
                self.reader.problems.add(key.position, f"{self.path_of(word)} is not a known field", hint)


def _kind(node: Node) -> str:
    match node:
        case Mapping():
            return "mapping"
        case Sequence():
            return "list"
        case _:
            return "text"


def _inside(scalar: Scalar, reference: Unresolved) -> Position:
    """Return the position of a reference within a scalar, where quoting and folding leave it in sight."""
    word = scalar.text[reference.offset :].partition("}")[0]
    before = scalar.text[: reference.offset].count(word)
    index = -1
    for _ in range(before + 1):
        index = scalar.raw.find(word, index + 1)
        if index < 0:
            return scalar.position
    line_start = scalar.raw.rfind("\n", 0, index) + 1
    line = scalar.raw.count("\n", 0, index)
    column = index - line_start + (scalar.position.column if line == 0 else 1)
    return Position(scalar.position.line + line, column)
