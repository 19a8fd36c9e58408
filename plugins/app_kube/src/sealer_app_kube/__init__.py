"""Kubernetes manifests, kustomizations and OAM applications as Sealer applications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import AppType

__all__ = ["sealer_app_types"]


@hookimpl
def sealer_app_types() -> Iterable[AppType]:
    """Provide the application types ``kube``, ``kustomize`` and ``oam``."""
    from sealer_app_kube.app_type import Kube
    from sealer_app_kube.kustomize import Kustomize
    from sealer_app_kube.oam import Oam

    return (Kube(), Kustomize(), Oam())
