"""Which files of a build context an ignore file keeps out: ``.kubeignore``, or else ``.dockerignore``.

The rules are those of ``.dockerignore``: one pattern a line, ``!`` takes files in again, the last pattern
that matches decides, and what is true of a directory is true of everything in it.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from sealer.build.patterns import compile_glob
from sealer.errors import Place, SourceError, SourceErrors

IGNORE_FILES = (".kubeignore", ".dockerignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """One line: ``keeps`` is whether it takes files in again, ``line`` its number from 1."""

    expression: re.Pattern[str]
    keeps: bool
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules say of a path: for each rule whether it matches it or a directory above it."""

    matches: tuple[bool, ...] = ()
    ignored_by: IgnoreRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """The rules of one ignore file, in its order."""

    file: str = ""
    rules: tuple[IgnoreRule, ...] = ()

    @property
    def readmits(self) -> bool:
        """Whether files below an ignored directory can be taken in again."""
        return any(rule.keeps for rule in self.rules)

    def judge(self, path: str, above: Verdict) -> Verdict:
        """Judge a path.

        Args:
            path: Relative to the context.
            above: The verdict on its directory; that on the context itself is ``Verdict()``.
        """
        if not self.rules:
            return above
        inherited = above.matches or (False,) * len(self.rules)
        matches = tuple(
            known or rule.expression.fullmatch(path) is not None
            for rule, known in zip(self.rules, inherited, strict=True)
        )
        last = next((rule for rule, hit in zip(self.rules[::-1], matches[::-1], strict=True) if hit), None)
        return Verdict(matches=matches, ignored_by=None if last is None or last.keeps else last)


def parse_ignore(data: bytes, file: str) -> Ignore:
    """Read an ignore file.

    Raises:
        SourceErrors: It is not UTF-8, or has malformed patterns.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceErrors(
            [SourceError("the text is not UTF-8", place=Place(file=file, line=line))]
        ) from error
    rules: list[IgnoreRule] = []
    problems: list[SourceError] = []
    for number, raw in enumerate(text.split("\n"), 1):
        pattern = raw.strip()
        if not pattern or raw.startswith("#"):
            continue
        keeps = pattern.startswith("!")
        pattern = posixpath.normpath(pattern.removeprefix("!").strip() or ".").lstrip("/")
        try:
            rules.append(IgnoreRule(expression=compile_glob(pattern, deep=True), keeps=keeps, line=number))
        except ValueError as error:
            place = Place(file=file, line=number, text=raw)
            problems.append(SourceError(str(error), place=place))
    if problems:
        raise SourceErrors(problems)
    return Ignore(file=file, rules=tuple(rules))
