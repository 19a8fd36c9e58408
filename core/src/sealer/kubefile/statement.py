"""One instruction before it is read: its text, its flags and words, and the variables at that point."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sealer.errors import Place, SourceError, SourceErrors
from sealer.kubefile import arguments
from sealer.kubefile.arguments import Pair, Word
from sealer.kubefile.expansion import Expander, Quoting
from sealer.kubefile.lines import Logical

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something in a Kubefile that is not wrong and deserves attention."""

    message: str
    place: Place
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One instruction before it is read.

    Attributes:
        name: Its word in capitals.
        line: Its text.
        start: Where in the text the arguments start.
        expander: Replaces variables.
        warnings: Takes what deserves attention.
    """

    name: str
    line: Logical
    start: int
    expander: Expander
    warnings: list[Caution] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where its word is."""
        return self.line.place(0)

    @property
    def end(self) -> Place:
        """Where its text ends."""
        return self.line.place(len(self.line.text))

    @property
    def text(self) -> str:
        """The instruction without its continuations, for the image's history."""
        return " ".join(self.line.text.split())

    def missing(self, what: str, hint: str) -> SourceError:
        """Return the error that an argument is missing."""
        return SourceError(f"{self.name} needs {what}", place=self.end, hint=hint)

    def warn(self, message: str, place: Place, hint: str | None = None) -> None:
        """Note something that deserves attention."""
        self.warnings.append(Caution(message=message, place=place, hint=hint))

    def expanded(self, word: Word, quoting: Quoting) -> str:
        """Return the text of a word with its variables replaced.

        Raises:
            SourceError: It is malformed.
        """

        def place(offset: int) -> Place:
            # The strings of a JSON array are shown where they start: what they stand for is not in the file.
            return word.place if quoting is Quoting.NONE else self.line.place(word.offset + offset)

        return self.expander.expand(
            word.text,
            quoting,
            lambda offset, message, hint: SourceError(message, place=place(offset), hint=hint),
            lambda offset, message, hint: self.warn(message, place(offset), hint),
        )

    def evaluate(self, word: Word) -> str:
        """Return what a word with the quoting of a shell comes to."""
        return self.expanded(word, Quoting.SHELL)

    def words(self, start: int) -> tuple[Word, ...]:
        """Return the words from an offset on, variables replaced."""
        return tuple(self._globs(word) for word in arguments.words(self.line, start))

    def strings(self, start: int, *, globs: bool = False) -> tuple[Word, ...]:
        """Return the strings of a JSON array, or else the words, from an offset on, variables replaced."""
        if arguments.starts_json(self.line, start, globs=globs):
            found = arguments.json_strings(self.line, start)
            return tuple(replace(word, text=self.expanded(word, Quoting.NONE)) for word in found)
        return self.words(start)

    def pairs(self, start: int, *, placeholders: bool = False) -> tuple[Pair, ...]:
        """Return ``name=value`` pairs from an offset on, variables replaced.

        With ``placeholders``, words such as ``...`` are left out with a warning.
        """
        left_out = self.warn_of_placeholder if placeholders else None
        return arguments.pairs(self.line, start, self.expander.escape, self.evaluate, placeholder=left_out)

    def warn_of_placeholder(self, word: Word) -> None:
        """Note that a word such as ``...`` is left out."""
        self.warn(f"{word.text[:10]} stands for nothing and is left out", word.place, "remove it")

    def first_word(self) -> tuple[Word | None, int]:
        """Return the first argument, if there is one, and where the next one starts."""
        start = arguments.skip_blanks(self.line, self.start)
        end = start
        text = self.line.text
        while end < len(text) and not text[end].isspace():
            end += 1
        if end == start:
            return None, end
        word = Word(text=text[start:end], place=self.line.place(start), offset=start)
        return self._globs(word), arguments.skip_blanks(self.line, end)

    def flags(
        self, known: Collection[str], *, bare: Collection[str] = (), many: Collection[str] = ()
    ) -> tuple[Mapping[str, Sequence[Word]], int]:
        """Read ``--name=value`` flags; return them, and where the arguments after them start.

        Args:
            known: The names there are.
            bare: Those that may stand without a value, which is then "true".
            many: Those that may be given several times.

        Raises:
            SourceError: A flag is unknown, given twice, or has no value.
        """
        found, start = arguments.flags(self.line, self.start)
        values: dict[str, list[Word]] = {}
        for word in found:
            name, equals, value = word.text.removeprefix("--").partition("=")
            if name not in known:
                near = difflib.get_close_matches(name[:40], sorted(known), n=1) or sorted(known)
                hint = "its flags are " + ", ".join(f"--{each}" for each in near) if known else None
                raise SourceError(f"{self.name} has no flag --{name[:40]}", place=word.place, hint=hint)
            if name in bare and not equals:
                value = "true"
            if not value:
                raise SourceError(f"--{name} needs a value", place=word.place, hint=f"write --{name}=value")
            if name in values and name not in many:
                raise SourceError(f"--{name} is given twice", place=word.place)
            offset = word.offset + len(word.text) - len(value)
            text = self.expanded(Word(text=value, place=word.place, offset=max(0, offset)), Quoting.SHELL)
            values.setdefault(name, []).append(Word(text=text, place=word.place))
        return values, start

    def _globs(self, word: Word) -> Word:
        return replace(word, text=self.expanded(word, Quoting.GLOB))


def one(values: Mapping[str, Sequence[Word]], name: str) -> Word | None:
    """Return the value of a flag that is given at most once."""
    return next(iter(values.get(name, ())), None)


def each(read: Callable[[Word], T], words: Iterable[Word]) -> tuple[T, ...]:
    """Read every word, so that all that are wrong are reported together.

    Raises:
        SourceErrors: Some are wrong.
    """
    results: list[T] = []
    problems: list[SourceError] = []
    for word in words:
        try:
            results.append(read(word))
        except SourceError as error:
            problems.append(error)
    if problems:
        raise SourceErrors(problems)
    return tuple(results)
