"""A directory for what one build needs on the way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sealer.image.removal import remove_tree
from sealer.image.store import ImageStore


@contextmanager
def working_directory(store: ImageStore) -> Iterator[Path]:
    """Make a directory on the store's file system; the caller holds a lease, so nobody clears it away."""
    path = store.layout.temporary / f"build-{secrets.token_hex(8)}"
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        with suppress(OSError):
            remove_tree(path)
