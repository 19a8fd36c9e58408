"""A guard around what must neither touch files, nor the network, nor other processes.

It listens to the interpreter's audit events, so that it also sees what C extensions and libraries do.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator

_FORBIDDEN = ("socket.", "subprocess.", "shutil.", "tempfile.", "urllib.", "http.", "ftplib.", "os.")

# Events of ``os.`` that only look, and belong to importing and to reading.
_LOOKING = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class NotPure(RuntimeError):
    """Something was touched that must not be."""


class _Guard(threading.local):
    """What is watched in this thread, and what was seen."""

    watching = False
    reading = False
    seen: list[str]


_guard = _Guard()
_installed = threading.Lock()


def _own_places() -> tuple[str, ...]:
    """Return where programs' code and data are: reading there is importing."""
    paths = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *sys.path, "/dev/urandom"}
    return tuple(os.path.realpath(path) for path in paths if path)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _guard.watching:
        return
    if event == "open":
        fault = _opened(arguments)
    elif event in _LOOKING:
        fault = None if _guard.reading or _is_own(arguments[0]) else f"looks into {arguments[0]!r}"
    elif event.startswith(_FORBIDDEN):
        fault = f"{event}{arguments!r}"
    else:
        return
    if fault is not None:
        _guard.seen.append(fault)
        raise NotPure(fault)


def _opened(arguments: tuple[object, ...]) -> str | None:
    path, _, flags = arguments
    if isinstance(flags, int) and flags & _WRITING:
        return f"writes {path!r}"
    return None if _guard.reading or _is_own(path) else f"reads {path!r}"


def _is_own(path: object) -> bool:
    if not isinstance(path, str | bytes):
        return True  # a descriptor that is open already
    watching, _guard.watching = _guard.watching, False
    try:
        real = os.path.realpath(os.fsdecode(path))
        return any(real == place or real.startswith(f"{place}/") for place in _own_places())
    finally:
        _guard.watching = watching


@contextlib.contextmanager
def pure(*, reading: bool = False) -> Iterator[None]:
    """Fail when anything is touched in this thread while the block runs.

    Args:
        reading: Whether files may be read; else only what comes with installed programs may.

    Raises:
        NotPure: Something was touched; also when whoever touched it swallowed the first such error.
    """
    _install()
    _guard.seen, _guard.reading, _guard.watching = [], reading, True
    try:
        yield
    finally:
        _guard.watching = False
    if _guard.seen:
        raise NotPure("; ".join(dict.fromkeys(_guard.seen)))


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Let a part of a ``pure`` block do what it likes: what core does on a provider's behalf."""
    watching, _guard.watching = _guard.watching, False
    try:
        yield
    finally:
        _guard.watching = watching


def _install() -> None:
    """Add the audit hook, once in the life of the interpreter: hooks can't be removed."""
    if _installed.acquire(blocking=False):
        sys.addaudithook(_audit)
