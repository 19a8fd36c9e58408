"""The text of a template around its actions: what is printed, what is left out, and which blanks go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sealer.errors import ImageError, Place
from sealer.templates.expressions import ExpressionError, Token, evaluate, parse, shown, tokens_of

_OPEN = "{{"
_ACTION = re.compile(
    r"""\{\{ (?P<left>-(?=\s))?
    (?P<body>\s*/\*.*?\*/\s* | (?:"(?:\\.|[^"\\])*" | `[^`]*` | [^"`{}])*?)
    (?P<right>(?<=\s)-)? \}\}""",
    re.DOTALL | re.VERBOSE,
)
_DEEPEST = 50
_SHOWN = 400


@dataclass(slots=True, kw_only=True)
class _Block:
    """An ``if`` that is open: where it began, and which of its branches count."""

    start: int
    outer: bool
    live: bool
    taken: bool
    last: bool = False


def render(text: str, environment: Mapping[str, str], file: str, *, strict: bool = False) -> str:
    """Return a template filled in.

    Args:
        text: The template.
        environment: What ``.NAME`` stands for.
        file: What messages call it.
        strict: Whether a variable that is not set is an error where it is printed; else it is empty.

    Raises:
        ImageError: It is malformed, or uses what is not known; the place is that of the action.
    """
    return _Template(text, environment, file, strict=strict).rendered()


class _Template:
    """A template while it is rendered."""

    def __init__(self, text: str, environment: Mapping[str, str], file: str, *, strict: bool) -> None:
        self._text = text
        self._environment = environment
        self._file = file
        self._strict = strict
        self._blocks: list[_Block] = []

    def rendered(self) -> str:
        pieces: list[str] = []
        at = 0
        trims = False
        while True:
            start = self._text.find(_OPEN, at)
            plain = self._text[at : start if start >= 0 else len(self._text)]
            action = _ACTION.match(self._text, start) if start >= 0 else None
            if start >= 0 and action is None:
                raise self._error("the action has no }}, or braces within", start)
            plain = plain.lstrip() if trims else plain
            plain = plain.rstrip() if action and action["left"] else plain
            if self._live:
                pieces.append(plain)
            if action is None:
                break
            try:
                pieces.append(self._act(action["body"], start))
            except ExpressionError as error:
                raise self._error(str(error), start, error.hint) from error
            trims = bool(action["right"])
            at = action.end()
        if self._blocks:
            raise self._error("the if has no end", self._blocks[-1].start)
        return "".join(pieces)

    @property
    def _live(self) -> bool:
        return not self._blocks or self._blocks[-1].live

    def _act(self, body: str, start: int) -> str:
        if body.lstrip().startswith("/*"):
            return ""
        tokens = tokens_of(body)
        match tokens[0].text if tokens else "":
            case "if":
                self._begin(tokens[1:], start)
            case "else":
                self._otherwise(tokens[1:])
            case "end" if len(tokens) == 1:
                if not self._blocks:
                    raise ExpressionError("there is no if to end")
                self._blocks.pop()
            case _:
                # Where it does not count it must make sense nevertheless.
                expression = parse(tokens)
                if self._live:
                    return shown(evaluate(expression, self._environment, strict=self._strict))
        return ""

    def _begin(self, condition: Sequence[Token], start: int) -> None:
        if len(self._blocks) == _DEEPEST:
            raise ExpressionError(f"ifs are nested deeper than {_DEEPEST}")
        outer = self._live
        live = self._holds(condition, counts=outer)
        self._blocks.append(_Block(start=start, outer=outer, live=live, taken=live))

    def _otherwise(self, rest: Sequence[Token]) -> None:
        if not self._blocks or self._blocks[-1].last:
            raise ExpressionError("there is no if that this else belongs to")
        if rest and rest[0].text != "if":
            raise ExpressionError(f"{rest[0].text!r} can't stand here: else stands alone, or before if")
        block = self._blocks[-1]
        block.last = not rest
        possible = block.outer and not block.taken
        block.live = self._holds(rest[1:], counts=possible) if rest else possible
        block.taken = block.taken or block.live

    def _holds(self, condition: Sequence[Token], *, counts: bool) -> bool:
        expression = parse(condition)
        return counts and bool(evaluate(expression, self._environment, strict=False))

    def _error(self, message: str, at: int, hint: str | None = None) -> ImageError:
        line = self._text.count("\n", 0, at) + 1
        start = self._text.rfind("\n", 0, at) + 1
        end = self._text.find("\n", at)
        excerpt = self._text[start : end if end >= 0 else len(self._text)]
        place = Place(file=self._file, line=line, column=at - start + 1, text=excerpt[:_SHOWN])
        return ImageError(f"template: {message}", place=place, hint=hint)
