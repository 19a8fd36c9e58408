"""Checksums of downloads: what a recipe declares, and the texts that upstream publishes beside its files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealer.errors import ImageError

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Checksum:
    """A sha256 digest, in hexadecimal, and who says so."""

    hex: str
    source: str = "its recipe"


def parse_checksum(text: str) -> Checksum | None:
    """Read what a recipe declares; None when it is the address of a checksum's text.

    Raises:
        ImageError: It is neither.
    """
    if text.startswith(("https://", "http://")):
        return None
    algorithm, _, digits = text.partition(":")
    if algorithm == "sha256" and _SHA256.fullmatch(digits):
        return Checksum(hex=digits.lower())
    raise ImageError(
        f"{text!r} is no checksum of a download",
        hint="a recipe writes sha256: and 64 hexadecimal digits, or the address of a checksum file",
    )


def read_checksum_text(text: str, file_name: str) -> str | None:
    """Return the sha256 digest of a file that a checksum text gives, or None when it gives none.

    The text is one digest alone; or lines as ``sha256sum`` prints them, perhaps amid a signature: then the
    line counts whose path ends in the file's name. Lines that disagree about the file count for nothing.
    """
    alone: set[str] = set()
    named: set[str] = set()
    for line in text.splitlines():
        digits, _, rest = line.strip().partition(" ")
        if not _SHA256.fullmatch(digits):
            continue
        path = rest.strip().removeprefix("*")
        if not path:
            alone.add(digits.lower())
        elif path.rsplit("/", 1)[-1] == file_name:
            named.add(digits.lower())
    found = named or alone
    return found.pop() if len(found) == 1 else None
