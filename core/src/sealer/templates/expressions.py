"""What stands in an action of a template: ``.NAME``, texts, numbers, functions, ``|`` and parentheses.

A value is a text or a truth. As in Go's text/template, an empty text is false and every other is true.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Value = str | bool

_TOKEN = re.compile(
    r"""(?P<variable>\.[A-Za-z_][A-Za-z0-9_]*(?![A-Za-z0-9_.])) | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<number>-?[0-9]+(?![\w.])) | (?P<word>[A-Za-z][A-Za-z0-9]*(?![\w.])) | (?P<mark>[|()])""",
    re.VERBOSE,
)
_BLANK = re.compile(r"\s*")
_DEEPEST = 50
_MANY = 100


class ExpressionError(Exception):
    """Something is wrong with an action; whoever knows the file adds the place."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word of an action; ``kind`` is the name of its group in the grammar."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """``.NAME``."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A text, a number or a truth."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function and what it is given."""

    name: str
    arguments: tuple[Expression, ...]


Expression = Variable | Literal | Call


@dataclass(frozen=True, slots=True)
class _Function:
    least: int
    most: int
    call: Callable[[Sequence[Value]], Value]


def shown(value: Value) -> str:
    """Return a value as a template prints it."""
    return value if isinstance(value, str) else str(value).lower()


def _on_text(change: Callable[[str], str]) -> _Function:
    return _Function(1, 1, lambda values: change(shown(values[0])))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ExpressionError("b64dec was given something that is no base64 of a text") from error


_FUNCTIONS: Mapping[str, _Function] = {
    "b64enc": _on_text(lambda text: base64.b64encode(text.encode()).decode()),
    "b64dec": _on_text(_decoded),
    "quote": _on_text(lambda text: json.dumps(text, ensure_ascii=False)),
    "upper": _on_text(str.upper),
    "lower": _on_text(str.lower),
    "trim": _on_text(str.strip),
    "default": _Function(2, 2, lambda values: values[1] or values[0]),
    "eq": _Function(2, _MANY, lambda values: shown(values[0]) in map(shown, values[1:])),
    "ne": _Function(2, 2, lambda values: shown(values[0]) != shown(values[1])),
    "not": _Function(1, 1, lambda values: not values[0]),
    "and": _Function(1, _MANY, lambda values: next((each for each in values if not each), values[-1])),
    "or": _Function(1, _MANY, lambda values: next((each for each in values if each), values[-1])),
}
_FORGIVING = frozenset({"default", "not", "and", "or"})
_KNOWN = f"known are .NAME, texts, numbers, {', '.join(_FUNCTIONS)}, if, else and end"


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the words of an action.

    Raises:
        ExpressionError: Something is no word of it.
    """
    found: list[Token] = []
    end = _BLANK.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ExpressionError(f"{text[end : end + 40].split(maxsplit=1)[0]!r} is not understood", _KNOWN)
        found.append(Token(kind=str(match.lastgroup), text=match[0]))
        end = _BLANK.match(text, match.end()).end()  # type: ignore[union-attr]
    return tuple(found)


def parse(tokens: Sequence[Token]) -> Expression:
    """Return the expression that the words of an action make.

    Raises:
        ExpressionError: They make none.
    """
    reader = _Reader(tokens)
    expression = reader.pipeline(0)
    if reader.next is not None:
        raise ExpressionError(f"{reader.next.text!r} can't stand here")
    return expression


def evaluate(expression: Expression, environment: Mapping[str, str], *, strict: bool) -> Value:
    """Return what an expression comes to.

    Args:
        expression: The expression.
        environment: The values of variables.
        strict: Whether a variable that is not set, and has no default, is an error; else it is empty.

    Raises:
        ExpressionError: It can't be made of these values.
    """
    match expression:
        case Literal(value=value):
            return value
        case Variable(name=name):
            if strict and name not in environment:
                raise ExpressionError(
                    f"the variable {name} is not set",
                    f'set it in env, or write {{{{ .{name} | default "…" }}}}',
                )
            return environment.get(name, "")
        case Call(name=name, arguments=arguments):
            inner = strict and name not in _FORGIVING
            values = [evaluate(each, environment, strict=inner) for each in arguments]
            return _FUNCTIONS[name].call(values)


class _Reader:
    """Reads expressions from words, one after the other."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._left = list(reversed(tokens))

    @property
    def next(self) -> Token | None:
        """The next word, or None at the end."""
        return self._left[-1] if self._left else None

    def pipeline(self, depth: int) -> Expression:
        """Read commands with ``|`` between them; what one comes to is the last argument of the next."""
        if depth > _DEEPEST:
            raise ExpressionError(f"parentheses are nested deeper than {_DEEPEST}")
        found = self._command((), depth)
        while self._left and self._left[-1].text == "|":
            self._left.pop()
            found = self._command((found,), depth)
        return found

    def _command(self, given: tuple[Expression, ...], depth: int) -> Expression:
        token = self._take()
        if token.kind != "word" or token.text in {"true", "false"}:
            if given:
                raise ExpressionError(f"{token.text!r} is no function")
            return self._operand(token, depth)
        function = _FUNCTIONS.get(token.text)
        if function is None:
            raise ExpressionError(f"{token.text!r} is no function", _KNOWN)
        arguments: list[Expression] = []
        while self._left and self._left[-1].text not in {"|", ")"}:
            arguments.append(self._operand(self._take(), depth))
        count = len(arguments) + len(given)
        if not function.least <= count <= function.most:
            wanted = function.least if function.least == function.most else f"at least {function.least}"
            raise ExpressionError(f"{token.text} takes {wanted} values, not {count}")
        return Call(name=token.text, arguments=(*arguments, *given))

    def _operand(self, token: Token, depth: int) -> Expression:
        if token.kind == "variable":
            return Variable(name=token.text[1:])
        if token.kind == "text":
            return Literal(value=_unquoted(token.text))
        if token.kind == "number":
            return Literal(value=token.text)
        if token.text in {"true", "false"}:
            return Literal(value=token.text == "true")
        if token.text != "(":
            raise ExpressionError(f"{token.text!r} can't stand here")
        inner = self.pipeline(depth + 1)
        if self.next is None:
            raise ExpressionError("a ) is missing")
        if self._take().text != ")":
            raise ExpressionError("a ) is missing")
        return inner

    def _take(self) -> Token:
        if not self._left:
            raise ExpressionError("an expression is missing")
        return self._left.pop()


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise ExpressionError(f"{text[:40]} is malformed") from error
