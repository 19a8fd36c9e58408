"""Helm charts as Sealer applications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import AppType

__all__ = ["sealer_app_types"]


@hookimpl
def sealer_app_types() -> Iterable[AppType]:
    """Provide the application type ``helm``."""
    from sealer_app_helm.app_type import Helm

    return (Helm(),)
