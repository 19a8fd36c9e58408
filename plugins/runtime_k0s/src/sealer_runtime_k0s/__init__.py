"""Kubernetes by k0s as a Sealer cluster runtime."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import BaseRecipe, ClusterRuntime

__all__ = ["sealer_base_recipes", "sealer_cluster_runtimes"]


@hookimpl
def sealer_cluster_runtimes() -> Iterable[ClusterRuntime]:
    """Provide ``k0s``."""
    from sealer_runtime_k0s.runtime import K0s

    return (K0s(),)


@hookimpl
def sealer_base_recipes() -> Iterable[BaseRecipe]:
    """Provide the recipe of ``k0s`` base images."""
    from sealer_runtime_k0s.recipe import K0sRecipe

    return (K0sRecipe(),)
