"""Render files ``*.tmpl`` with an environment: the part of Go's templates that such files use.

``{{ .NAME }}``, ``{{ .NAME | b64enc }}``, ``{{ if .NAME }}``, ``{{ if eq .NAME "x" }}``, ``{{ else if }}``,
``{{ else }}``, ``{{ end }}``, ``{{/* comments */}}``, texts in quotes, and dashes that trim blanks. What else
Go's text/template has is refused, with its place. A variable that is not set is empty.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sealer.errors import ImageError, Place

SUFFIX = ".tmpl"

_ACTION = re.compile(
    r"\{\{(-?)(\s*/\*.*?\*/\s*|(?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|[^\"`{}])*?)(-?)\}\}", re.DOTALL
)
_OPEN = re.compile(r"\{\{")
_TOKEN = re.compile(r"\s*(\"(?:\\.|[^\"\\])*\"|`[^`]*`|\||\(|\)|[^\s|()\"`]+)")
_FIELD = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)")
_KNOWN = (
    "known are .NAME, if, else, end, eq, ne, not, and, or, default, quote, b64enc, b64dec, trim, upper, lower"
)


@dataclass(slots=True)
class _Block:
    """An ``if`` that is open: whether its text counts, and whether one of its branches has counted."""

    at: int
    outer: bool
    live: bool
    done: bool
    final: bool = False


def render(text: str, file: str, environment: Mapping[str, str]) -> str:
    """Return a template filled in.

    Args:
        text: The template.
        file: What messages call it.
        environment: The values of its fields.

    Raises:
        ImageError: It is malformed, or uses what is not known; the place names line and column.
    """
    return _Template(text, file, environment).rendered()


class _Template:
    """A template while it is rendered."""

    def __init__(self, text: str, file: str, environment: Mapping[str, str]) -> None:
        self._text = text
        self._file = file
        self._environment = environment
        self._blocks: list[_Block] = []

    def rendered(self) -> str:
        pieces: list[str] = []
        at = 0
        trims = False
        while True:
            opening = _OPEN.search(self._text, at)
            plain = self._text[at : opening.start() if opening else len(self._text)]
            action = _ACTION.match(self._text, opening.start()) if opening else None
            if opening and action is None:
                raise self._wrong("the action is not closed", opening.start())
            if trims:
                plain = plain.lstrip()
            if action and action[1]:
                plain = plain.rstrip()
            if self._live:
                pieces.append(plain)
            if action is None:
                break
            pieces.append(self._act(action[2].strip(), action.start()))
            trims = bool(action[3])
            at = action.end()
        if self._blocks:
            raise self._wrong("the if has no end", self._blocks[-1].at)
        return "".join(pieces)

    @property
    def _live(self) -> bool:
        return not self._blocks or self._blocks[-1].live

    def _act(self, action: str, at: int) -> str:
        if action.startswith("/*"):
            return ""
        keyword, _, rest = action.partition(" ")
        match keyword:
            case "if":
                live = self._live and bool(self._pipeline(rest, at))
                self._blocks.append(_Block(at=at, outer=self._live, live=live, done=live))
            case "else":
                self._otherwise(rest.strip(), at)
            case "end" if not rest.strip():
                if not self._blocks:
                    raise self._wrong("there is no if to end", at)
                self._blocks.pop()
            case _:
                return self._pipeline(action, at) if self._live else ""
        return ""

    def _otherwise(self, condition: str, at: int) -> None:
        if not self._blocks or self._blocks[-1].final:
            raise self._wrong("there is no if that this else belongs to", at)
        block = self._blocks[-1]
        keyword, _, rest = condition.partition(" ")
        if condition and keyword != "if":
            raise self._wrong(f"{keyword[:40]!r} is unknown here", at)
        block.final = not condition
        possible = block.outer and not block.done
        block.live = possible and (not condition or bool(self._pipeline(rest, at)))
        block.done = block.done or block.live

    def _pipeline(self, text: str, at: int) -> str:
        """Return what a chain of commands comes to."""
        words: list[str] = []
        end = 0
        while text[end:].strip():
            word = _TOKEN.match(text, end)
            if word is None or word[1] in {"(", ")"}:
                raise self._wrong("the action is malformed, or nested", at, _KNOWN)
            words.append(word[1])
            end = word.end()
        value: str | None = None
        for command in _split(words):
            if not command:
                raise self._wrong("an expression is missing", at)
            arguments = [*command, *([] if value is None else [json.dumps(value)])]
            value = self._command(arguments, at)
        return value or ""

    def _command(self, words: Sequence[str], at: int) -> str:
        name, *rest = words
        if name not in _FUNCTIONS:
            if rest:
                raise self._wrong(f"the function {name[:40]!r} is unknown", at, _KNOWN)
            return self._operand(name, at)
        least, most, function = _FUNCTIONS[name]
        if not least <= len(rest) <= most:
            raise self._wrong(f"{name} takes another number of arguments", at)
        try:
            return function([self._operand(each, at) for each in rest])
        except (ValueError, binascii.Error) as error:
            raise self._wrong(f"{name} can't be made of this: {error}", at) from error

    def _operand(self, word: str, at: int) -> str:
        field = _FIELD.fullmatch(word)
        if field:
            return self._environment.get(field[1], "")
        if word.startswith("`"):
            return word[1:-1]
        if word in {"true", "false"}:
            return "true" if word == "true" else ""
        if not word.startswith('"') and not (word.isascii() and word.isdigit()):
            raise self._wrong(f"{word[:40]!r} is unknown", at, _KNOWN)
        try:
            return str(json.loads(word))
        except ValueError as error:
            raise self._wrong(f"{word[:40]} is malformed", at) from error

    def _wrong(self, message: str, at: int, hint: str | None = None) -> ImageError:
        line = self._text.count("\n", 0, at) + 1
        start = self._text.rfind("\n", 0, at) + 1
        end = self._text.find("\n", at)
        shown = self._text[start : end if end >= 0 else len(self._text)]
        place = Place(file=self._file, line=line, column=at - start + 1, text=shown)
        return ImageError(f"template: {message}", place=place, hint=hint)


def _split(words: Sequence[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _truth(value: bool) -> str:
    return "true" if value else ""


_Function = Callable[[Sequence[str]], str]
_ANY = 100
_FUNCTIONS: Mapping[str, tuple[int, int, _Function]] = {
    "eq": (2, _ANY, lambda values: _truth(values[0] in values[1:])),
    "ne": (2, 2, lambda values: _truth(values[0] != values[1])),
    "not": (1, 1, lambda values: _truth(not values[0])),
    "and": (1, _ANY, lambda values: next((value for value in values if not value), values[-1])),
    "or": (1, _ANY, lambda values: next((value for value in values if value), values[-1])),
    "default": (2, 2, lambda values: values[1] or values[0]),
    "quote": (1, 1, lambda values: json.dumps(values[0])),
    "trim": (1, 1, lambda values: values[0].strip()),
    "upper": (1, 1, lambda values: values[0].upper()),
    "lower": (1, 1, lambda values: values[0].lower()),
    "b64enc": (1, 1, lambda values: base64.b64encode(values[0].encode()).decode()),
    "b64dec": (1, 1, lambda values: base64.b64decode(values[0], validate=True).decode()),
}
