"""Sealer: pack a whole cluster into one OCI image, share it, and run it on a list of hosts.

What plugins may import: this module, ``sealer.errors``, ``sealer.changes``, ``sealer.model``,
``sealer.providers``, ``sealer.manifests`` and, in tests, ``sealer.testing``. Everything else is private
to core.
"""

from __future__ import annotations

import pluggy

__version__ = "0.1.0"
__all__ = ["ENTRY_POINT_GROUP", "__version__", "hookimpl"]

ENTRY_POINT_GROUP = "sealer"
"""The entry-point group in which plugins are found, and pluggy's project name."""

hookimpl = pluggy.HookimplMarker(ENTRY_POINT_GROUP)
"""Decorator that marks a plugin's implementation of a hook of ``sealer.hookspecs``."""
