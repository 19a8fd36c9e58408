"""Kubernetes manifests, kustomizations and OAM applications as Sealer applications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import AppType, Vocabulary

__all__ = ["sealer_app_types", "sealer_vocabularies"]


@hookimpl
def sealer_app_types() -> Iterable[AppType]:
    """Provide the application types ``kube``, ``kustomize`` and ``oam``."""
    from sealer_app_kube.app_type import Kube
    from sealer_app_kube.kustomize import Kustomize
    from sealer_app_kube.oam import Oam

    return (Kube(), Kustomize(), Oam())


@hookimpl
def sealer_vocabularies() -> Iterable[Vocabulary]:
    """Provide custom resources that name container images."""
    from sealer_app_kube.vocabulary import Resources

    return (Resources(),)
