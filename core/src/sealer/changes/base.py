"""The contract of a change: a desired fact about a host, as data that compiles to POSIX sh.

A change never runs anything. It gives fragments of sh; the compiler in ``sealer.changes.script`` joins
the fragments of a step into one script, runs it in one round trip, and keeps the host journal.

Every fragment runs as the body of a function of its own, with these variables:

- ``$entry``    the change's directory in the host journal; it exists from ``capture`` on
- ``$data``     the cluster's data directory on the host
- ``$again``    not empty when the step is tried once more in the same run
- ``$fingerprint``  the digest of the change as planned, before values were filled in

and the functions in ``shell``, see ``sealer.changes.helpers``. Standard output of ``observe`` is the reason,
that of everything else goes to the log.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A value that a change yields once it is applied.

    Attributes:
        key: Its name within the step.
        script: sh that prints the value; a final newline is dropped. It runs at every visit of the
            step, also when nothing had to be changed.
        secret: Whether the value must never be written down or shown.
        fresh: Whether each reading makes a new value, as for a token; then it is not read while planning.
    """

    key: str
    script: str
    secret: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Content that has to be streamed to the host before a change can be applied.

    Attributes:
        digest: ``sha256:<hex>`` of the bytes as they are sent.
        size: In bytes.
    """

    digest: str
    size: int


class Change(ABC):
    """A desired fact about a host. Subclasses are frozen dataclasses."""

    @property
    @abstractmethod
    def key(self) -> str:
        """What the change is about, such as ``file:/etc/hosts``: its identity in the host journal."""

    @abstractmethod
    def describe(self) -> str:
        """Return a short phrase for plans and logs, such as ``file /etc/hosts``; never a secret."""

    @abstractmethod
    def observe(self) -> str:
        """Return sh that succeeds if the fact holds, and else prints why not and fails."""

    @property
    def foreseeable(self) -> bool:
        """Whether it may be observed, and its journal entry made, some changes ahead; it costs the host less.

        ``observe`` must then be quick and give its reason in one line. The very shell that runs everything
        runs it and ``capture``, without ``set -e``: they must not exit, nor change directory or variables.
        """
        return False

    @property
    def contained(self) -> bool:
        """Whether applying it touches nothing that a foreseeable change behind it looks at or saves.

        It may still make directories for it.
        """
        return False

    @property
    def plain(self) -> bool:
        """Whether the very shell that runs everything may run ``apply``; it costs the host a process less.

        ``apply`` must then be one command, or several tied with ``&&``: there is no ``set -e``. It must not
        exit, nor change directory or variables.
        """
        return False

    @property
    def repeatable(self) -> bool:
        """Whether it is worth and safe to make it again by itself after it failed or took too long."""
        return False

    def capture(self) -> str:
        """Return sh that saves in ``$entry`` what ``undo`` needs; run once, before the first apply."""
        return ":"

    @abstractmethod
    def apply(self) -> str:
        """Return sh that makes the fact hold; it must bear being cut off and run again."""

    def undo(self) -> str | None:
        """Return sh that restores what was there before, or None when there is nothing to restore.

        It is stored in the host journal, so it must hold no secret, and it must also work after an
        ``apply`` that was cut off half-way.
        """
        return None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The values the change yields."""
        return ()

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """The content that ``apply`` expects below ``$data/blobs/sha256``."""
        return ()

    @property
    def writes(self) -> tuple[tuple[str, str], ...]:
        """The files that applying it writes, each with the SHA-256 of its content, as far as they are known.

        Changes behind it in a step may depend on them; a plan then foresees what they will be.
        """
        return ()

    @property
    def timeout(self) -> float | None:
        """Seconds after which one application is given up, or None for the step's own limit."""
        return None

    def fingerprint(self) -> str:
        """Return a digest of everything the change says: equal for equal changes, in any process."""
        return hashlib.sha256(_plain(self).encode()).hexdigest()


def _plain(value: Any) -> str:
    """Write a change and what it holds as text, the same in every process."""
    if is_dataclass(value) and not isinstance(value, type):
        inner = ",".join(f"{f.name}={_plain(getattr(value, f.name))}" for f in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple | list):
        return "[" + ",".join(_plain(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k!r}:{_plain(v)}" for k, v in sorted(value.items())) + "}"
    return repr(value)
