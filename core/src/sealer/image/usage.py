"""How much space files take."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def written_below(directory: Path) -> int:
    """Return the bytes of the regular files below a directory; files may vanish meanwhile."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                path = Path(parent, name)
                total += 0 if path.is_symlink() else path.stat().st_size
    return total
