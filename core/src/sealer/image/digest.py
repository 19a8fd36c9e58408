"""Content digests: ``sha256:<hex>``, the only algorithm the store takes."""

from __future__ import annotations

import hashlib
import re

from sealer.errors import ImageError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    """Return the digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Tell whether a text is a well-formed sha256 digest."""
    return _DIGEST.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    """Return the hexadecimal part of a digest, which is safe as a file name.

    Raises:
        ImageError: It is not a well-formed sha256 digest.
    """
    if not is_digest(digest):
        raise ImageError(
            f"{digest!r} is not a sha256 digest", hint="a digest is sha256: and 64 hexadecimal digits"
        )
    return digest.removeprefix("sha256:")
