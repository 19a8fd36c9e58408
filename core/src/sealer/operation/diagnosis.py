"""Why something failed on a host, as far as what it printed tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KNOWN = (
    # The last of these is of GNU tar, when a part of its block still fitted.
    (
        re.compile(r"No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes"),
        "the disk is full",
        "free space below {data} and where programs keep their data, then resume",
    ),
    (
        re.compile(r"Read-only file system"),
        "a file system is read-only",
        "find out why (dmesg tells of disks that fail), make it writable, then resume",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong, and what to do about it."""

    what: str
    hint: str


def diagnose(output: str, *, data: str) -> Diagnosis | None:
    """Return what the output of programs says, or None when it says nothing that is known.

    Args:
        output: In the C locale.
        data: The cluster's directory on hosts.
    """
    for pattern, what, hint in _KNOWN:
        if pattern.search(output):
            return Diagnosis(what=what, hint=hint.format(data=data))
    return None
