"""The text of a Clusterfile: positions in it, and the problems found there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealer.errors import Place, SourceError, SourceErrors

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

_SECRET_LINE = re.compile(r"(passw(or)?d|passphrase|secret|token)[\w-]*[\"']?\s*[:=]", re.IGNORECASE)
"""A line that may hold a secret; ``passwdFrom: …`` is one too, as a secret may stand there by mistake."""

_LONGEST_EXCERPT = 400


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A position in a text; both count from 1."""

    line: int
    column: int


class Source:
    """A text with a name. It turns positions into places, whose excerpts never show a secret."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._lines = _LINE_BREAK.split(text)

    def line(self, position: Position) -> str:
        """Return the line of a position."""
        return self._lines[position.line - 1] if position.line <= len(self._lines) else ""

    def place(self, position: Position) -> Place:
        """Return the place of a position."""
        line = self.line(position)
        hidden = len(line) > _LONGEST_EXCERPT or _SECRET_LINE.search(line) is not None
        excerpt = None if hidden else line
        return Place(file=self.name, line=position.line, column=position.column, text=excerpt)

    def position_of(self, index: int) -> Position:
        """Return the position of the character at an index."""
        line, start = 1, 0
        for match in _LINE_BREAK.finditer(self.text):
            if match.end() > index:
                break
            line, start = line + 1, match.end()
        return Position(line, index - start + 1)


class Problems:
    """Gathers the problems of one source, each one once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: dict[tuple[Position, str], str | None] = {}

    def add(self, position: Position, message: str, hint: str | None = None) -> None:
        """Note a problem."""
        self._found.setdefault((position, message), hint)

    def __bool__(self) -> bool:
        return bool(self._found)

    def error(self) -> SourceErrors:
        """Return all problems, in the order of their positions. There must be one."""
        return SourceErrors(
            [
                SourceError(message, place=self.source.place(position), hint=hint)
                for (position, message), hint in sorted(self._found.items(), key=lambda item: item[0])
            ]
        )
