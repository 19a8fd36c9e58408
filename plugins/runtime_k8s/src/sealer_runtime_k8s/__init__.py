"""Kubernetes by kubeadm as a Sealer cluster runtime."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import BaseRecipe, ClusterRuntime

__all__ = ["sealer_base_recipes", "sealer_cluster_runtimes"]


@hookimpl
def sealer_cluster_runtimes() -> Iterable[ClusterRuntime]:
    """Provide ``kubernetes``."""
    from sealer_runtime_k8s.runtime import Kubernetes

    return (Kubernetes(),)


@hookimpl
def sealer_base_recipes() -> Iterable[BaseRecipe]:
    """Provide the recipe of ``kubernetes`` base images."""
    from sealer_runtime_k8s.recipe import KubernetesRecipe

    return (KubernetesRecipe(),)
