"""Templates of files, in the part of Go's template language that images use; anything else is an error.

``{{ .NAME }}`` is a variable, ``{{ "text" }}`` and ``{{ 12 }}`` are themselves, and a value goes through
functions by ``|``, or in front: ``b64enc``, ``b64dec``, ``quote``, ``upper``, ``lower``, ``trim``,
``default X``. ``{{ if … }}``, ``{{ else if … }}``, ``{{ else }}`` and ``{{ end }}`` choose, by ``eq``,
``ne``, ``not``, ``and``, ``or`` and whether a text is empty. ``{{- … -}}`` takes the blanks around away,
and ``{{/* … */}}`` is a comment.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sealer.errors import ImageError, Place

_ACTION = re.compile(r"\{\{(?P<left>-(?=\s))?(?P<body>.*?)(?P<right>(?<=\s)-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?: (?P<variable>\.[A-Za-z_][A-Za-z0-9_]*(?![A-Za-z0-9_.])) | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<number>-?[0-9]+(?![\w.])) | (?P<word>[A-Za-z][A-Za-z0-9]*) | (?P<mark>[|()]) )\s*""",
    re.VERBOSE,
)
_DEEPEST = 50


class _Fault(Exception):
    """Something that is wrong with an action; the place is added where it is known."""


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _Fault("b64dec was given something that is no base64 of a text") from error


_FILTERS: Mapping[str, Callable[[str], str]] = {
    "b64enc": lambda text: base64.b64encode(text.encode()).decode(),
    "b64dec": _decoded,
    "quote": lambda text: json.dumps(text, ensure_ascii=False),
    "upper": str.upper,
    "lower": str.lower,
    "trim": str.strip,
}
_TESTS = frozenset({"eq", "ne", "not", "and", "or"})
_FUNCTIONS = (*_FILTERS, "default", *sorted(_TESTS))


@dataclass(slots=True, kw_only=True)
class _Block:
    """An ``if`` that has begun: whether a branch was taken, whether this one is, whether it is the last."""

    start: int
    outer: bool
    taken: bool
    active: bool
    last: bool = False


@dataclass(slots=True, kw_only=True)
class _Output:
    parts: list[str] = field(default_factory=list)
    blocks: list[_Block] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return not self.blocks or self.blocks[-1].active


def render_template(text: str, variables: Mapping[str, str], file: str) -> str:
    """Return a text with its actions carried out.

    Args:
        text: The template.
        variables: What ``.NAME`` stands for.
        file: What messages call it.

    Raises:
        ImageError: An action is not understood, or a variable is not set; the place is that of the action.
    """
    output = _Output()
    position, strip = 0, False
    for match in _ACTION.finditer(text):
        plain = text[position : match.start()]
        plain = plain.lstrip() if strip else plain
        plain = plain.rstrip() if match["left"] else plain
        if output.active:
            output.parts.append(plain)
        try:
            _act(output, match["body"].strip(), match.start(), variables)
        except _Fault as fault:
            raise ImageError(str(fault), place=_place(text, match.start(), file)) from fault
        position, strip = match.end(), bool(match["right"])
    if output.blocks:
        raise ImageError("this if has no end", place=_place(text, output.blocks[-1].start, file))
    rest = text[position:]
    opened = rest.find("{{")
    if opened >= 0:
        raise ImageError("this action has no }}", place=_place(text, position + opened, file))
    output.parts.append(rest.lstrip() if strip else rest)
    return "".join(output.parts)


def _act(output: _Output, body: str, start: int, variables: Mapping[str, str]) -> None:
    if body.startswith("/*") and body.endswith("*/"):
        return
    words = body.split(None, 2)
    first = words[0] if words else ""
    if first == "if":
        if len(output.blocks) == _DEEPEST:
            raise _Fault(f"ifs are nested deeper than {_DEEPEST}")
        holds = output.active and _truth(body[2:], variables)
        block = _Block(start=start, outer=output.active, taken=holds, active=holds)
        output.blocks.append(block)
    elif first == "else":
        _otherwise(output, words, body, variables)
    elif body == "end":
        if not output.blocks:
            raise _Fault("there is no if that this could be the end of")
        output.blocks.pop()
    elif output.active:
        output.parts.append(_value(body, variables))


def _otherwise(output: _Output, words: Sequence[str], body: str, variables: Mapping[str, str]) -> None:
    if not output.blocks or output.blocks[-1].last:
        raise _Fault("there is no if that this could belong to")
    block = output.blocks[-1]
    if len(words) > 1 and words[1] != "if":
        raise _Fault(f"{body!r} is not understood: else stands alone, or before if")
    block.last = len(words) == 1
    may = block.outer and not block.taken
    block.active = may and (block.last or _truth(body.split("if", 1)[1], variables))
    block.taken = block.taken or block.active


def _truth(text: str, variables: Mapping[str, str]) -> bool:
    return _value(text, variables, lenient=True) not in {"", "false"}


def _value(text: str, variables: Mapping[str, str], *, lenient: bool = False) -> str:
    tokens = _Tokens(text)
    value = _pipeline(tokens, variables, lenient=lenient)
    if tokens.peek is not None:
        raise _Fault(f"{tokens.peek!r} is not understood in {{{{ {text.strip()} }}}}")
    return value


class _Tokens:
    """The words of an action, one after the other."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._found: list[tuple[str, str]] = []
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise _Fault(
                    f"{self.text[position:].split()[0]!r} is not understood: an action has .NAME, texts, "
                    f"{', '.join(_FUNCTIONS)}, if, else and end"
                )
            self._found.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        if not self._found:
            raise _Fault("this action is empty")

    @property
    def peek(self) -> str | None:
        """The next word, or None at the end."""
        return self._found[0][1] if self._found else None

    def take(self) -> tuple[str, str]:
        """Take the next word, with its kind."""
        if not self._found:
            raise _Fault(f"{{{{ {self.text} }}}} ends too early")
        return self._found.pop(0)


def _pipeline(tokens: _Tokens, variables: Mapping[str, str], *, lenient: bool) -> str:
    value = _command(tokens, variables, (), lenient=lenient or "default" in tokens.text)
    while tokens.peek == "|":
        tokens.take()
        value = _command(tokens, variables, (value,), lenient=lenient)
    return value


def _command(tokens: _Tokens, variables: Mapping[str, str], given: tuple[str, ...], *, lenient: bool) -> str:
    kind, word = tokens.take()
    if kind != "word":
        if given:
            raise _Fault(f"{word} is no function")
        return _operand(kind, word, tokens, variables, lenient=lenient)
    if word not in _FUNCTIONS:
        raise _Fault(f"{word} is no function; known are {', '.join(_FUNCTIONS)}")
    arguments: list[str] = []
    lenient = lenient or word in {"default", "not", "and", "or"}
    while tokens.peek not in {None, "|", ")"}:
        arguments.append(_operand(*tokens.take(), tokens, variables, lenient=lenient))
    return _call(word, (*arguments, *given))


def _operand(kind: str, word: str, tokens: _Tokens, variables: Mapping[str, str], *, lenient: bool) -> str:
    if kind == "variable":
        if word[1:] not in variables and not lenient:
            raise _Fault(
                f'the variable {word[1:]} is not set; set it in env, or write {{{{ {word} | default "…" }}}}'
            )
        return variables.get(word[1:], "")
    if kind == "text":
        return word[1:-1] if word[0] == "`" else str(json.loads(word))
    if kind == "number":
        return word
    if word == "(":
        value = _pipeline(tokens, variables, lenient=lenient)
        if tokens.peek != ")":
            raise _Fault("a ) is missing")
        tokens.take()
        return value
    raise _Fault(f"{word} can't stand here")


def _call(name: str, arguments: tuple[str, ...]) -> str:
    least, most = (
        (1, 1) if name in _FILTERS or name == "not" else (2, 2) if name in {"default", "ne"} else (2, 99)
    )
    if not least <= len(arguments) <= most:
        raise _Fault(f"{name} takes {least if least == most else 'two or more'} values, not {len(arguments)}")
    if name in _FILTERS:
        return _FILTERS[name](arguments[0])
    if name == "default":
        return arguments[1] or arguments[0]
    first, *others = arguments
    true = {
        "eq": first in others,
        "ne": first not in others,
        "not": not _is_true(first),
        "and": all(map(_is_true, arguments)),
        "or": any(map(_is_true, arguments)),
    }[name]
    return "true" if true else ""


def _is_true(text: str) -> bool:
    return text not in {"", "false"}


def _place(text: str, index: int, file: str) -> Place:
    line = text.count("\n", 0, index) + 1
    start = text.rfind("\n", 0, index) + 1
    end = text.find("\n", index)
    content = text[start : end if end >= 0 else len(text)]
    return Place(file=file, line=line, column=index - start + 1, text=content[:400])
