"""Kubernetes by k3s as a Sealer cluster runtime."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import BaseRecipe, ClusterRuntime

__all__ = ["sealer_base_recipes", "sealer_cluster_runtimes"]


@hookimpl
def sealer_cluster_runtimes() -> Iterable[ClusterRuntime]:
    """Provide ``k3s``."""
    from sealer_runtime_k3s.runtime import K3s

    return (K3s(),)


@hookimpl
def sealer_base_recipes() -> Iterable[BaseRecipe]:
    """Provide the recipe of ``k3s`` base images."""
    from sealer_runtime_k3s.recipe import K3sRecipe

    return (K3sRecipe(),)
