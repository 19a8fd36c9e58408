"""The CNCF distribution registry as the registry of Sealer clusters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import Registry

__all__ = ["sealer_registries"]


@hookimpl
def sealer_registries() -> Iterable[Registry]:
    """Provide ``distribution``."""
    from sealer_registry_distribution.registry import Distribution

    return (Distribution(),)
