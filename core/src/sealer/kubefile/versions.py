"""Ranges of Kubernetes versions, in the grammar of the Go library Masterminds/semver version 3.

``>=1.24 <1.30``, ``~1.26``, ``^1.20``, ``1.22 - 1.24``, ``1.25.x``, joined by blanks or commas (all must
hold) and by ``||`` (one must hold). A pre-release is only in a range of which a part names one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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

LARGEST = 64
"""How many comparators a range may have: more takes too long to compare, and nobody writes."""

_Order = tuple[int, int, int, tuple[int, tuple[tuple[int, int, str], ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A semantic version. ``parts`` counts how many of the three numbers were given."""

    numbers: tuple[int, int, int]
    pre: str = ""
    parts: int = 3

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers[: self.parts])) or "*"
        return f"{text}-{self.pre}" if self.pre else text

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

    def __str__(self) -> str:
        operator = "" if self.operator == "=" else self.operator
        return f"{operator}{self.version}"

    def allows(self, other: Version) -> bool:
        """Tell whether a version satisfies this comparator, whether or not pre-releases are wanted."""
        version = self.version
        if version.parts == 0:
            return self.operator not in {"!=", ">", "<"} and other.order() >= version.order()
        match self.operator:
            case "!=":
                return not self._equals(other)
            case ">":
                return other.order() > version.order() if self._exact else self._prefix(other) > self._own
            case ">=":
                return other.order() >= version.order()
            case "<":
                return other.order() < version.order()
            case "<=":
                return other.order() <= version.order() if self._exact else self._prefix(other) <= self._own
            case "=" if self._exact:
                return other.order() == version.order()
        return (
            other.order() >= version.order()
            and other.numbers[: self._shared] == version.numbers[: self._shared]
        )

    @property
    def _exact(self) -> bool:
        return self.version.parts == 3

    @property
    def _own(self) -> tuple[int, ...]:
        return self.version.numbers[: self.version.parts]

    def _prefix(self, other: Version) -> tuple[int, ...]:
        return other.numbers[: self.version.parts]

    def _equals(self, other: Version) -> bool:
        if self._exact:
            return other.order() == self.version.order()
        if self.version.parts == 2 and (other.pre or self.version.pre) and other.pre != self.version.pre:
            return False
        return self._prefix(other) == self._own

    @property
    def _shared(self) -> int:
        """How many leading numbers a version must share with the one of ``~`` or ``^``, or a partial one."""
        version = self.version
        if self.operator == "^":
            leading = next((at for at, number in enumerate(version.numbers) if number), 2)
            return min(leading + 1, version.parts)
        # The library takes ~0.0.0 for "any version".
        return min(version.parts, 2) if any(version.numbers) or version.parts < 3 else 0


def _bump(version: Version, parts: int) -> Version:
    """Return the first version after all that share the leading numbers."""
    numbers = [*version.numbers[: parts - 1], version.numbers[parts - 1] + 1, 0, 0]
    return Version(numbers=(numbers[0], numbers[1], numbers[2]))


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
        found = cls(alternatives=tuple(_comparators(part.strip()) for part in text.split("||")))
        if found.size > LARGEST:
            raise ValueError(f"the range has more than {LARGEST} parts")
        return found

    def __str__(self) -> str:
        return " || ".join(", ".join(map(str, each)) for each in self.alternatives)

    @property
    def size(self) -> int:
        """How many comparators it has."""
        return sum(map(len, self.alternatives))

    def allows(self, version: Version | str) -> bool:
        """Tell whether a version is in the range.

        Raises:
            ValueError: The text is no version.
        """
        given = Version.parse(version) if isinstance(version, str) else version
        return any(_all_allow(comparators, given) for comparators in self.alternatives)


def intersection(ranges: Sequence[VersionRange]) -> VersionRange:
    """Return the range of the versions that are in every one of several ranges.

    Raises:
        ValueError: There is no such version, or it would take too long a text to say.
    """
    joined = ranges[0]
    for other in ranges[1:]:
        if joined.size * len(other.alternatives) + other.size * len(joined.alternatives) > LARGEST:
            raise ValueError(f"the ranges together have more than {LARGEST} parts")
        joined = VersionRange(
            alternatives=tuple(
                tuple(dict.fromkeys((*one, *two)))
                for one in joined.alternatives
                for two in other.alternatives
            )
        )
    possible = tuple(each for each in joined.alternatives if _is_possible(each))
    if not possible:
        raise ValueError("no version is in all of the ranges" if len(ranges) > 1 else "no version is in it")
    return VersionRange(alternatives=tuple(dict.fromkeys(possible)))


def _is_possible(comparators: Sequence[Comparator]) -> bool:
    """Tell whether some version satisfies all.

    The least of them, if there is one, is 0.0.0, or the version of a comparator, or the first after it: so
    trying those is enough.
    """
    candidates = {Version(numbers=(0, 0, 0))}
    for comparator in comparators:
        version = comparator.version
        release = Version(numbers=version.numbers)
        candidates.update((Version(numbers=version.numbers, pre=version.pre), release))
        candidates.update(_bump(release, parts) for parts in (1, 2, 3))
        if version.pre:
            candidates.add(Version(numbers=version.numbers, pre=f"{version.pre}.0"))
    return any(_all_allow(comparators, candidate) for candidate in candidates)


def _all_allow(comparators: Sequence[Comparator], version: Version) -> bool:
    """Tell whether a version satisfies all; a pre-release only does when one of them names a pre-release."""
    if version.pre and not any(each.version.pre for each in comparators):
        return False
    return all(each.allows(version) for each in comparators)


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
