"""Quotes, escapes and variables in a piece of text: ``$NAME``, ``${NAME}``, ``${NAME:-word}`` and so on."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

from sealer.errors import SourceError
from sealer.kubefile.scope import Scope

LONGEST = 128 << 10
"""Characters a text may have once its variables are replaced: what Linux takes as one argument."""

MOST = 8 << 20
"""Characters that all variables of a file may come to: a short file must not grow without bounds."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-+?]")
_DEEPEST = 20
_FORMS = "write $NAME, ${NAME}, ${NAME:-default}, ${NAME:+if set} or ${NAME:?message}; \\$ is a plain $"

Fail = Callable[[int, str, str | None], SourceError]
"""Makes the error at an offset of the text, from a message and a hint."""

Warn = Callable[[int, str, str | None], None]
"""Notes a warning at an offset of the text."""


class Quoting(enum.Enum):
    """What quotes and escape characters mean."""

    SHELL = "they vanish, as in a shell"
    GLOB = "quotes vanish; an escape character stays unless it is before a dollar or a quote"
    NONE = "nothing, but for an escape character before a dollar"


class Expander:
    """Replaces variables by their values.

    Args:
        scope: The variables.
        escape: The file's escape character.
    """

    def __init__(self, scope: Scope, escape: str) -> None:
        self.scope = scope
        self.escape = escape
        self.left = MOST

    def expand(self, text: str, quoting: Quoting, fail: Fail, warn: Warn) -> str:
        """Return the text with its variables replaced.

        Raises:
            SourceError: It is malformed, too long, or a variable that must be set is not.
            UnsettledError: It depends on a parent image that is not at hand.
        """
        plain = quoting is Quoting.NONE or not ("'" in text or '"' in text)
        if plain and "$" not in text and not (quoting is Quoting.SHELL and self.escape in text):
            return text
        return _Piece(self, text, quoting, fail, warn).whole()


class _Piece:
    """One text while it is read from left to right."""

    def __init__(self, expander: Expander, text: str, quoting: Quoting, fail: Fail, warn: Warn) -> None:
        self._expander = expander
        self._text = text
        self._quoting = quoting
        self._fail = fail
        self._warn = warn
        self._at = 0
        self._length = 0

    def whole(self) -> str:
        return self._read(depth=0, live=True, opened=0)

    def _read(self, *, depth: int, live: bool, opened: int) -> str:
        """Return what comes up to the end, or within braces up to the closing one."""
        pieces: list[str] = []
        quote = ""
        quoted_at = 0
        text = self._text
        while self._at < len(text):
            character = text[self._at]
            if depth and character == "}" and not quote:
                self._at += 1
                return "".join(pieces)
            if quote == "'" and character != "'":
                pieces.append(character)
            elif self._quoting is not Quoting.NONE and character in "\"'" and quote in {"", character}:
                quote, quoted_at = ("" if quote else character), self._at
            elif character == self._expander.escape:
                pieces.append(self._escaped(quote))
            elif character == "$":
                pieces.append(self._variable(depth, live))
                continue
            else:
                pieces.append(character)
            self._at += 1
        if quote:
            hint = "close it; a path with blanks in it is written as a JSON array"
            raise self._fail(quoted_at, "the quote is not closed", hint)
        if depth:
            raise self._fail(opened, "the brace is not closed", _FORMS)
        return "".join(pieces)

    def _escaped(self, quote: str) -> str:
        """Return what an escape character and the one after it stand for; the last of them is passed over."""
        escape = self._expander.escape
        following = self._text[self._at + 1 : self._at + 2]
        if self._quoting is Quoting.SHELL:
            vanishes = bool(following) and (not quote or following in f'"${escape}')
        else:
            vanishes = following == "$" or (self._quoting is Quoting.GLOB and following in {'"', "'"})
        if not vanishes:
            return escape
        self._at += 1
        return following

    def _variable(self, depth: int, live: bool) -> str:
        """Return the value of the variable that starts here, and go on behind it."""
        start = self._at
        braces = self._text.startswith("{", start + 1)
        name = _NAME.match(self._text, start + 1 + braces)
        if name is None:
            if braces:
                raise self._fail(start, "the name of a variable is missing", _FORMS)
            self._at += 1
            return "$"
        self._at = name.end()
        if not braces:
            return self._plain(name[0], start, live)
        if self._text.startswith("}", self._at):
            self._at += 1
            return self._plain(name[0], start, live)
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None:
            what = "the brace is not closed" if self._at == len(self._text) else "this form is unknown"
            raise self._fail(start, what, _FORMS)
        if depth >= _DEEPEST:
            raise self._fail(start, "variables are nested too deeply", None)
        self._at = operator.end()
        return self._with_operator(name[0], operator[0], start, depth, live)

    def _with_operator(self, name: str, operator: str, start: int, depth: int, live: bool) -> str:
        value = self._expander.scope.lookup(name) if live else None
        present = value is not None and not (operator.startswith(":") and not value)
        takes_word = live and present == operator.endswith("+")
        word = self._read(depth=depth + 1, live=takes_word, opened=start)
        if not live or takes_word:
            if takes_word and operator.endswith("?"):
                hint = f"give it with ARG or ENV, or --build-arg {name}=..."
                raise self._fail(start, f"{name} must be set: {word[:200] or 'it is not'}", hint)
            return word if live else ""
        return "" if operator.endswith("+") else self._taken(value or "", start)

    def _plain(self, name: str, start: int, live: bool) -> str:
        if not live:
            return ""
        value = self._expander.scope.lookup(name)
        if value is None:
            near = self._expander.scope.near(name)
            hint = f"did you mean {near}?" if near else "declare it with ARG or ENV"
            self._warn(start, f"the variable {name[:60]} is not set", hint)
        return self._taken(value or "", start)

    def _taken(self, value: str, start: int) -> str:
        """Return a value once its length is accounted for."""
        self._length += len(value)
        self._expander.left -= len(value)
        if self._length > LONGEST:
            raise self._fail(start, f"the text comes to more than {LONGEST} characters", None)
        if self._expander.left < 0:
            raise self._fail(start, f"the variables of the file come to more than {MOST} characters", None)
        return value
