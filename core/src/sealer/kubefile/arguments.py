"""The argument grammars of instructions: words, flags, JSON arrays of strings, and name=value pairs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sealer.errors import Place, SourceError
from sealer.kubefile.lines import Logical

_WORD = re.compile(r"\S+")
_BLANKS = re.compile(r"\s*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
SURROGATE = re.compile("[\ud800-\udfff]")
_AFTER_STRING = "put a comma between the strings and a ] after the last one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A piece of an instruction's text and where it starts, in the file and in the instruction."""

    text: str
    place: Place
    offset: int = 0

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A name and its value, and where the name starts."""

    name: str
    value: str
    place: Place


Evaluate = Callable[[Word], str]
"""Gives what a word's text comes to, quotes and variables replaced."""


def skip_blanks(line: Logical, offset: int) -> int:
    """Return the offset of the next character that is no blank."""
    match = _BLANKS.match(line.text, offset)
    return match.end() if match else offset


def words(line: Logical, offset: int) -> tuple[Word, ...]:
    """Split the rest of a line at blanks; quotes have no meaning."""
    return tuple(
        Word(text=match[0], place=line.place(match.start()), offset=match.start())
        for match in _WORD.finditer(line.text, offset)
    )


def flags(line: Logical, offset: int) -> tuple[tuple[Word, ...], int]:
    """Return the leading words that start with ``--``, and where the arguments after them start."""
    found: list[Word] = []
    while True:
        offset = skip_blanks(line, offset)
        match = _WORD.match(line.text, offset)
        if match is None or not match[0].startswith("--"):
            return tuple(found), offset
        offset = match.end()
        if match[0] == "--":
            return tuple(found), skip_blanks(line, offset)
        found.append(Word(text=match[0], place=line.place(match.start()), offset=match.start()))


def is_json(line: Logical, offset: int) -> bool:
    """Tell whether the rest of a line has to be a JSON array: it starts with a bracket."""
    return line.text.startswith("[", skip_blanks(line, offset))


def is_json_or_glob(line: Logical, offset: int) -> bool:
    """Tell the same where words can be globs: ``[ab].yaml`` is one, ``["a"]`` and ``[a, b]`` are not."""
    offset = skip_blanks(line, offset)
    match = _WORD.match(line.text, offset)
    if match is None or not match[0].startswith("["):
        return False
    return match[0].startswith('["') or "]" not in match[0]


def json_strings(line: Logical, offset: int) -> tuple[Word, ...]:
    """Read the rest of a line as a JSON array of strings.

    Raises:
        SourceError: It is not one; the place is that of the first wrong character.
    """
    text = line.text
    found: list[Word] = []
    offset = skip_blanks(line, skip_blanks(line, offset) + 1)
    while not text.startswith("]", offset):
        word, offset = _json_string(line, offset)
        found.append(word)
        offset = skip_blanks(line, offset)
        if text.startswith(",", offset):
            offset = skip_blanks(line, offset + 1)
            if text.startswith("]", offset):
                raise SourceError("a string is missing after the comma", place=line.place(offset))
        elif not text.startswith("]", offset):
            what = "a , or ] is missing" if offset < len(text) else "the closing ] is missing"
            raise SourceError(what, place=line.place(offset), hint=_AFTER_STRING)
    end = skip_blanks(line, offset + 1)
    if end < len(text):
        raise SourceError("there is text after the closing ]", place=line.place(end))
    return tuple(found)


def _json_string(line: Logical, offset: int) -> tuple[Word, int]:
    place = line.place(offset)
    match = _STRING.match(line.text, offset)
    if match is None:
        if line.text.startswith('"', offset):
            raise SourceError("the string has no closing quote", place=place, hint='close it with a "')
        if offset == len(line.text):
            raise SourceError("the closing ] is missing", place=place, hint=_AFTER_STRING)
        raise SourceError("the array must hold strings in double quotes", place=place, hint='as ["a", "b"]')
    try:
        value = str(json.loads(match[0]))
    except json.JSONDecodeError as error:
        place = line.place(offset + error.pos)
        raise SourceError(f"bad JSON: {error.msg}", place=place) from error
    if SURROGATE.search(value) or "\0" in value:
        raise SourceError("the string holds a character that text can't hold", place=place)
    return Word(text=value, place=place, offset=offset), match.end()


def is_placeholder(text: str) -> bool:
    """Tell whether a word is only dots."""
    return text.startswith("...") and not text.strip(".")


def starts_json(line: Logical, offset: int, *, globs: bool = False) -> bool:
    """Tell whether the rest of a line has to be a JSON array; with ``globs`` words may be globs."""
    return is_json_or_glob(line, offset) if globs else is_json(line, offset)


def pairs(
    line: Logical,
    offset: int,
    escape: str,
    evaluate: Evaluate,
    *,
    placeholder: Callable[[Word], None] | None = None,
) -> tuple[Pair, ...]:
    """Read the rest of a line as ``name=value`` pairs with shell quoting, or as the old ``name value``.

    Args:
        line: The line.
        offset: Where in it to begin.
        escape: The file's escape character.
        evaluate: Takes quotes out of a piece and replaces its variables.
        placeholder: Is told of words such as ``...``, which documentation has where more may follow, and
            which are left out; None means that they are words like any other.

    Raises:
        SourceError: A quote is not closed, or a word is no pair.
    """
    pieces: list[Word] = []
    for word in _shell_words(line, offset, escape):
        if placeholder is not None and is_placeholder(word.text):
            placeholder(word)
        else:
            pieces.append(word)
    if pieces and _equals(pieces[0].text, escape) < 0:
        return (_old_pair(line, pieces, evaluate),)
    return tuple(_pair(word, escape, evaluate) for word in pieces)


def declarations(
    line: Logical, offset: int, escape: str, evaluate: Evaluate
) -> Iterator[tuple[Word, str | None]]:
    """Yield names with their values, or with None when a name stands alone, as ARG has them.

    Each is evaluated when it is asked for, so that one may use those before it.

    Raises:
        SourceError: A quote is not closed, or a name is missing.
    """
    for word in list(_shell_words(line, offset, escape)):
        if _equals(word.text, escape) >= 0:
            pair = _pair(word, escape, evaluate)
            yield Word(text=pair.name, place=pair.place, offset=word.offset), pair.value
        else:
            yield replace(word, text=evaluate(word)), None


def _old_pair(line: Logical, pieces: Sequence[Word], evaluate: Evaluate) -> Pair:
    first = pieces[0]
    if len(pieces) == 1:
        hint = f"write {first.text[:40]}=value"
        raise SourceError(f"{first.text[:40]} has no value", place=first.place, hint=hint)
    rest = replace(pieces[1], text=line.text[pieces[1].offset :].rstrip())
    return Pair(name=evaluate(first), value=evaluate(rest), place=first.place)


def _pair(word: Word, escape: str, evaluate: Evaluate) -> Pair:
    cut = _equals(word.text, escape)
    name = evaluate(replace(word, text=word.text[:cut])) if cut >= 0 else ""
    if not name:
        hint = "write name=value, and quotes around a value that holds blanks"
        raise SourceError(f"{word.text[:40]!r} is no name=value pair", place=word.place, hint=hint)
    value = replace(word, text=word.text[cut + 1 :], offset=word.offset + cut + 1)
    return Pair(name=name, value=evaluate(value), place=word.place)


def plain_pair(word: Word) -> Pair:
    """Read one word as ``name=value`` without quoting.

    Raises:
        SourceError: It has no name or no equals sign.
    """
    name, equals, value = word.text.partition("=")
    if not name or not equals:
        raise SourceError(f"{word.text[:40]!r} is no name=value pair", place=word.place)
    return Pair(name=name, value=value, place=word.place)


def _scan(text: str, offset: int, escape: str) -> Iterator[tuple[int, str, str]]:
    """Yield each character with its offset and state: "" plain, a quote inside one, or "literal".

    Quotes and escape characters that have a meaning come with the state "mark".
    """
    quote = ""
    opened = offset
    while offset < len(text):
        character = text[offset]
        following = text[offset + 1 : offset + 2]
        if character == quote:
            quote = ""
            yield offset, character, "mark"
        elif not quote and character in "\"'":
            quote, opened = character, offset
            yield offset, character, "mark"
        elif character == escape and following and quote != "'" and (not quote or following in f'"${escape}'):
            yield offset, character, "mark"
            offset += 1
            yield offset, following, "literal"
        else:
            yield offset, character, quote
        offset += 1
    if quote:
        yield opened, quote, "open"


def _shell_words(line: Logical, offset: int, escape: str) -> Iterator[Word]:
    """Yield the raw text of each word; blanks inside quotes do not end a word."""
    start = -1
    for position, character, state in _scan(line.text, offset, escape):
        if state == "open":
            raise SourceError("the quote is not closed", place=line.place(position))
        if not state and character.isspace():
            if start >= 0:
                yield Word(text=line.text[start:position], place=line.place(start), offset=start)
            start = -1
        elif start < 0:
            start = position
    if start >= 0:
        yield Word(text=line.text[start:], place=line.place(start), offset=start)


def _equals(raw: str, escape: str) -> int:
    """Return the offset of the first equals sign outside quotes, or -1."""
    return next((at for at, character, state in _scan(raw, 0, escape) if character == "=" and not state), -1)
