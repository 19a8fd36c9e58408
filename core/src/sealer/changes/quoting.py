"""Quoting for POSIX sh: the one place where text becomes part of a script."""

from __future__ import annotations

import shlex

_PLAIN = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A}


def quote(text: str) -> str:
    """Return one sh word that stands for exactly this text.

    Raises:
        ValueError: The text holds a NUL, which no sh word can.
    """
    if "\0" in text:
        raise ValueError("a NUL character can't be part of a shell word")
    return shlex.quote(text)


def words(parts: tuple[str, ...]) -> str:
    """Return a command line of these words."""
    return " ".join(quote(part) for part in parts)


def print_bytes(content: bytes) -> str:
    """Return a sh command that prints exactly these bytes, with builtins alone.

    ASCII text goes as a quoted word; anything else as the octal escapes of printf, because a shell may
    take bytes above 127 for characters of its locale and can't hold NUL at all.
    """
    if all(byte in _PLAIN for byte in content):
        return f"printf %s {quote(content.decode('ascii'))}"
    escaped = "".join(_escape(byte) for byte in content)
    return f"printf '{escaped}'"


def write_file(path: str, content: bytes, *, mode: int = 0o644, owner: str = "root:root") -> str:
    """Return commands, tied with ``&&``, that write a file whole or not at all, and make its directory."""
    # A file of root's without a bit beyond those that every new file gets needs no chmod.
    born = owner == "root:root" and not mode & ~0o666
    how = f" {0o777 & ~mode:o}{' small' if len(content) <= _AT_ONCE else ''}" if born else ""
    return (
        f'begin_file {quote(path)}{how} && {print_bytes(content)} > "$target" &&\n'
        f"finish_file {quote(path)} {mode:o} {quote(owner)}"
    )


_AT_ONCE = 4096
"""Bytes that every sh writes by one system call: nobody reads a part of them."""


def _escape(byte: int) -> str:
    """Write one byte so that a quoted printf format prints it, also as the first one: a dash is no option."""
    if byte == 0x25:
        return "%%"
    if byte in _PLAIN and byte not in (0x27, 0x2D, 0x5C):
        return chr(byte)
    return f"\\{byte:03o}"
