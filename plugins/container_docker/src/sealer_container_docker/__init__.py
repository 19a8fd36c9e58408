"""Docker as the container runtime of Sealer clusters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import ContainerRuntime

__all__ = ["sealer_container_runtimes"]


@hookimpl
def sealer_container_runtimes() -> Iterable[ContainerRuntime]:
    """Provide ``docker``."""
    from sealer_container_docker.runtime import Docker

    return (Docker(),)
