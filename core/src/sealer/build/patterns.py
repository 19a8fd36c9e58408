"""Globs of file names as regular expressions, in the grammar of Go's ``filepath.Match`` that Dockerfiles use.

``*`` any characters but a slash, ``?`` one of them, ``[a-z]`` and ``[^a-z]`` classes, a backslash before a
character that shall mean itself; in ignore files also ``**`` for any number of directories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAGIC = re.compile(r"[*?\[\\]")


def compile_glob(pattern: str, *, deep: bool = False) -> re.Pattern[str]:
    """Return the expression that matches, in full, what a glob matches.

    Args:
        pattern: The glob.
        deep: Whether ``**`` stands for any number of directories.

    Raises:
        ValueError: The glob is malformed.
    """
    return re.compile("".join(_pieces(pattern, deep)), re.DOTALL)


def _pieces(pattern: str, deep: bool) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            piece, at = _stars(pattern, at, deep)
        elif character == "?":
            piece = "[^/]"
        elif character == "[":
            piece, at = _class(pattern, at + 1)
        elif character == "\\":
            at += 1
            if at == len(pattern):
                raise ValueError(f"the pattern {pattern!r} ends in a backslash")
            piece = re.escape(pattern[at])
        else:
            piece = re.escape(character)
        yield piece
        at += 1


def _stars(pattern: str, at: int, deep: bool) -> tuple[str, int]:
    """Return the expression of one or more stars, and the offset of the last character that belongs to it."""
    end = at
    while pattern.startswith("*", end + 1):
        end += 1
    if not deep or end == at:
        return "[^/]*", end
    if end + 1 == len(pattern):
        return ".*", end
    if pattern.startswith("/", end + 1):
        return "(?:.*/)?", end + 1
    return "(?:.*/)?", end


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Return the expression of a class and the offset of its closing bracket."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while at < len(pattern) and (pattern[at] != "]" or not ranges):
        low, at = _member(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _member(pattern, at + 1)
        if low > high:
            raise ValueError(f"the range {low}-{high} in the pattern {pattern!r} is empty")
        ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if at >= len(pattern):
        raise ValueError(f"a bracket in the pattern {pattern!r} is not closed")
    return f"(?!/)[{'^' if negated else ''}{''.join(ranges)}]", at


def _member(pattern: str, at: int) -> tuple[str, int]:
    """Return one character of a class and the offset after it."""
    escaped = pattern.startswith("\\", at)
    at += escaped
    if at >= len(pattern) or (not escaped and pattern[at] in "-]"):
        raise ValueError(f"a class in the pattern {pattern!r} is malformed")
    return pattern[at], at + 1
