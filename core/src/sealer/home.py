"""Where Sealer keeps its files on the operator's machine: ``$SEALER_HOME``, by default ``~/.sealer``."""

from __future__ import annotations

import os
from pathlib import Path


def sealer_home() -> Path:
    """Return the absolute path of Sealer's home directory; it need not exist yet."""
    configured = os.environ.get("SEALER_HOME")
    return Path(configured).expanduser().absolute() if configured else Path.home() / ".sealer"
