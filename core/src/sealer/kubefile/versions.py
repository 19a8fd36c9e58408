"""Ranges of Kubernetes versions, in the grammar of the Go library Masterminds/semver version 3.

``>=1.24 <1.30``, ``~1.26``, ``^1.20``, ``1.22 - 1.24``, ``1.25.x``, joined by blanks or commas (all must
hold) and by ``||`` (one must hold). A version with a pre-release is only in a range that names one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_NUMBER = r"(?:\d{1,9}|[xX*])"
_VERSION = (
    rf"v?(?P<major>{_NUMBER})(?:\.(?P<minor>{_NUMBER}))?(?:\.(?P<patch>{_NUMBER}))?"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_PLAIN_VERSION = re.compile(_VERSION)
_COMPARATOR = re.compile(rf"(?P<operator>[=!<>~^]{{0,2}})[ \t]*(?P<version>{_VERSION})")
_SEPARATOR = re.compile(r"[ \t]*,[ \t]*|[ \t]+")
_OPERATORS = {
    "": "=",
    "=": "=",
    "!=": "!=",
    ">": ">",
    "<": "<",
    ">=": ">=",
    "=>": ">=",
    "<=": "<=",
    "=<": "<=",
}
_OPERATORS |= {"~": "~", "~>": "~", "^": "^"}

_Order = tuple[int, int, int, tuple[int, tuple[tuple[int, int, str], ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A semantic version. ``parts`` counts how many of the three numbers were given."""

    numbers: tuple[int, int, int]
    pre: str = ""
    parts: int = 3

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version such as ``v1.27.4``; what comes after a plus sign is ignored.

        Raises:
            ValueError: It is malformed.
        """
        match = _PLAIN_VERSION.fullmatch(text.strip())
        version = None if match is None else cls.of_match(match)
        if version is None or version.parts < 1:
            raise ValueError(f"{text[:40]!r} is no version")
        return version

    @classmethod
    def of_match(cls, match: re.Match[str]) -> Self:
        """Return the version that a pattern with the groups major, minor, patch and pre has matched."""
        numbers = [0, 0, 0]
        parts = 0
        for at, name in enumerate(("major", "minor", "patch")):
            text = match[name]
            if text is None or not text.isdigit():
                break
            numbers[at] = int(text)
            parts = at + 1
        return cls(numbers=(numbers[0], numbers[1], numbers[2]), pre=match["pre"] or "", parts=parts)

    def order(self) -> _Order:
        """Return what versions are compared by: a pre-release comes before its release."""
        names = tuple(
            (0, int(name), "") if name.isdigit() else (1, 0, name) for name in self.pre.split(".") if name
        )
        return (*self.numbers, (0 if self.pre else 1, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparator:
    """An operator and a version, of which trailing numbers may be missing."""

    operator: str
    version: Version

    def allows(self, other: Version) -> bool:
        """Tell whether a version satisfies this comparator."""
        if other.pre and not self.version.pre:
            return False
        if self.operator == "!=":
            return not (other.order() == self.version.order() if self._exact else self._same_prefix(other))
        if self.operator == "=" and self._exact:
            return other.order() == self.version.order()
        low, high = self._bounds()
        return (low is None or other.order() >= low.order()) and (high is None or _below(other, high))

    @property
    def _exact(self) -> bool:
        return self.version.parts == 3

    def _same_prefix(self, other: Version) -> bool:
        return other.numbers[: self.version.parts] == self.version.numbers[: self.version.parts]

    def _bounds(self) -> tuple[Version | None, Version | None]:
        """Return the lowest version allowed and the lowest one that is too high; None is no bound."""
        version = self.version
        after = _after(version)
        match self.operator:
            case ">":
                return after, None
            case ">=":
                return version, None
            case "<":
                return None, version
            case "<=":
                return None, after
            case "^":
                leading = next((at for at, number in enumerate(version.numbers) if number), 2)
                return version, _bump(version, min(leading + 1, version.parts))
            case _:  # "~", and "=" with numbers missing
                return version, _bump(version, min(version.parts, 2))


def _bump(version: Version, parts: int) -> Version | None:
    """Return the first version after all that share the leading numbers; None when there is no end."""
    if parts == 0:
        return None
    numbers = [*version.numbers[: parts - 1], version.numbers[parts - 1] + 1, 0, 0]
    return Version(numbers=(numbers[0], numbers[1], numbers[2]))


def _after(version: Version) -> Version | None:
    """Return the first version that is greater, also than all that only fill in missing numbers."""
    if version.pre:
        return Version(numbers=version.numbers, pre=f"{version.pre}.0")
    return _bump(version, version.parts)


def _below(version: Version, limit: Version) -> bool:
    """Tell whether a version is below a limit; a pre-release of the limit itself is not."""
    if version.pre and not limit.pre and version.numbers == limit.numbers:
        return False
    return version.order() < limit.order()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRange:
    """Alternatives, each a tuple of comparators that must all hold."""

    alternatives: tuple[tuple[Comparator, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a range.

        Raises:
            ValueError: It is malformed; the message says what is not understood.
        """
        return cls(alternatives=tuple(_comparators(part.strip()) for part in text.split("||")))

    def allows(self, version: Version | str) -> bool:
        """Tell whether a version is in the range.

        Raises:
            ValueError: The text is no version.
        """
        given = Version.parse(version) if isinstance(version, str) else version
        return any(all(each.allows(given) for each in comparators) for comparators in self.alternatives)


def _comparators(text: str) -> tuple[Comparator, ...]:
    if not text:
        raise ValueError("a range of versions is missing")
    found: list[Comparator] = []
    offset = 0
    hyphen = False
    while offset < len(text):
        match = _COMPARATOR.match(text, offset)
        if match is None or match["operator"] not in (("",) if hyphen else _OPERATORS):
            raise ValueError(f"{text[offset : offset + 40]!r} is no version or range")
        version = Version.of_match(match)
        operator = _OPERATORS[match["operator"]]
        if hyphen:
            operator = "<="
        offset = match.end()
        separator = _SEPARATOR.match(text, offset)
        if offset < len(text) and separator is None:
            raise ValueError(f"{text[offset : offset + 40]!r} is no version or range")
        offset = separator.end() if separator else offset
        if separator and offset == len(text):
            raise ValueError("a range of versions is missing after the comma")
        hyphen = not hyphen and text.startswith(("- ", "-\t"), offset)
        if hyphen:
            if match["operator"]:
                raise ValueError("the ends of a range with a hyphen take no operator")
            operator = ">="
            offset += 1
            offset += len(text[offset:]) - len(text[offset:].lstrip())
        found.append(Comparator(operator=operator, version=version))
    if hyphen:
        raise ValueError("the upper end of the range is missing")
    return tuple(found)
