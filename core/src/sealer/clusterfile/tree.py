"""YAML text to trees of nodes with positions, bounded in size and depth whatever the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import yaml

from sealer.clusterfile.source import Position, Problems

LARGEST_TEXT = 1 << 20
"""Characters of a Clusterfile; what is saved in a cluster can't be larger either."""

LARGEST_TREE = 100_000
"""Nodes of one document, with every alias counted as what it stands for."""

DEEPEST_TREE = 64

_UNUSABLE = re.compile("[\0\ud800-\udfff]")

_KNOWN_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text as it was written. ``plain``: without quotes, so it may mean a number or nothing."""

    text: str
    plain: bool
    position: Position
    raw: str = ""
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    position: Position
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys and nodes, in the order of the text; keys differ from one another."""

    entries: tuple[tuple[Scalar, Node], ...]
    position: Position
    size: int

    def get(self, name: str) -> Node | None:
        """Return the node of a key, or None."""
        return next((node for key, node in self.entries if key.text == name), None)


Node = Scalar | Sequence | Mapping


class _Mark(Protocol):
    index: int
    line: int
    column: int


class Broken(Exception):
    """The text can't be read any further; the problem has been noted."""


def compose_documents(text: str, problems: Problems) -> tuple[Node, ...]:
    """Return the root node of every document that isn't empty.

    Problems go to ``problems``; those that leave no sense in reading on end it.

    Raises:
        Broken: The text is no YAML, or exceeds a bound.
    """
    if len(text) > LARGEST_TEXT:
        problems.add(Position(1, 1), f"the file is larger than {LARGEST_TEXT >> 20} MiB")
        raise Broken
    composer = _Composer(problems)
    loader = yaml.SafeLoader("")
    try:
        loader = yaml.SafeLoader(text)
        while loader.check_event():
            composer.take(loader.get_event())  # type: ignore[no-untyped-call]  # the stubs leave it out
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        context = f" {error.context}" if error.context else ""
        position = _position(mark)
        hint = "put quotes around ${…} where it stands in [ ] or { }"
        line = problems.source.line(position)
        problems.add(position, f"this is no YAML: {error.problem}{context}", hint if "${" in line else None)
        raise Broken from error
    except yaml.reader.ReaderError as error:
        position = problems.source.position_of(error.position)
        problems.add(position, "this character can't be part of YAML")
        raise Broken from error
    except (ValueError, OverflowError) as error:
        # An escape or a directive with a number that is no character or no version.
        problems.add(_position(loader.get_mark()), "this is no YAML: a number is out of range")
        raise Broken from error
    return tuple(composer.documents)


@dataclass(slots=True, kw_only=True)
class _Frame:
    """A sequence or mapping that has begun."""

    position: Position
    is_mapping: bool
    anchor: str | None
    nodes: list[Node] = field(default_factory=list)
    size: int = 1


class _Composer:
    """Builds nodes from events, without recursion: the text decides how deep it goes."""

    def __init__(self, problems: Problems) -> None:
        self.documents: list[Node] = []
        self._problems = problems
        self._open: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._anchors = {}
            case yaml.ScalarEvent():
                self._check_tag(event)
                self._finish(self._scalar(event), event.anchor)
            case yaml.AliasEvent():
                self._add(self._anchored(event))
            case yaml.CollectionStartEvent():
                self._check_tag(event)
                self._begin(event)
            case yaml.CollectionEndEvent():
                self._end()

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        position = _position(event.start_mark)
        if _UNUSABLE.search(event.value):
            self._problems.add(position, "this text holds a character that no file can hold")
        raw = ""
        if event.start_mark is not None and event.end_mark is not None:
            raw = self._problems.source.text[event.start_mark.index : event.end_mark.index]
        plain = event.style is None and event.tag is None
        return Scalar(text=event.value, plain=plain, position=position, raw=raw)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        position = _position(event.start_mark)
        if len(self._open) == DEEPEST_TREE:
            self._stop(position, f"this is nested deeper than {DEEPEST_TREE} levels")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Frame(position=position, is_mapping=is_mapping, anchor=event.anchor))

    def _end(self) -> None:
        frame = self._open.pop()
        node: Node
        if frame.is_mapping:
            entries = tuple(self._entries(frame.nodes))
            node = Mapping(entries=entries, position=frame.position, size=frame.size)
        else:
            node = Sequence(items=tuple(frame.nodes), position=frame.position, size=frame.size)
        self._finish(node, frame.anchor)

    def _finish(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        if self._open:
            frame = self._open[-1]
            frame.nodes.append(node)
            frame.size += node.size
            if frame.size > LARGEST_TREE:
                self._stop(node.position, f"a document has more than {LARGEST_TREE} entries")
        elif not (isinstance(node, Scalar) and node.plain and not node.text):
            self.documents.append(node)

    def _anchored(self, event: yaml.AliasEvent) -> Node:
        position = _position(event.start_mark)
        if event.anchor not in self._anchors:
            self._stop(position, f"the anchor &{event.anchor} is not defined before this")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(position, f"*{event.anchor} stands inside of what it stands for")
        return node

    def _entries(self, nodes: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        """Yield the entries of a mapping: its own, and then those merged in with ``<<``."""
        seen: dict[str, Position] = {}
        merged: list[tuple[Scalar, Node]] = []
        for key, node in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._problems.add(key.position, "a key must be a text")
            elif key.plain and key.text == "<<":
                merged += self._merged(node)
            elif key.text in seen:
                self._problems.add(
                    key.position,
                    f"{key.text} is written twice, first in line {seen[key.text].line}",
                    "remove one of them",
                )
            else:
                seen[key.text] = key.position
                yield key, node
        for key, node in merged:
            if key.text not in seen:
                seen[key.text] = key.position
                yield key, node

    def _merged(self, node: Node) -> Iterator[tuple[Scalar, Node]]:
        for part in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(part, Mapping):
                yield from part.entries
            else:
                self._problems.add(part.position, "<< takes a mapping or a list of mappings")

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None and event.tag not in _KNOWN_TAGS:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._problems.add(_position(event.start_mark), f"the tag {tag} is not known here", "remove it")

    def _stop(self, position: Position, message: str) -> NoReturn:
        self._problems.add(position, message)
        raise Broken


def _position(mark: _Mark | None) -> Position:
    """Return the position of a mark; only events that nobody reads have none."""
    if mark is None:
        return Position(1, 1)
    return Position(mark.line + 1, mark.column + 1)
