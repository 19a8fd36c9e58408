"""Where the lab keeps what it builds once, and locks that let several processes share it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache_directory() -> Path:
    """Return ``$SEALER_CACHE``, by default ``/var/cache/sealer``; it need not exist yet."""
    return Path(os.environ.get("SEALER_CACHE") or "/var/cache/sealer").absolute()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for it; the kernel frees it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
