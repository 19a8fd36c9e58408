"""Kyverno as an image policy: pods get container images from where they are, whatever their names say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import ImagePolicy

__all__ = ["sealer_image_policies"]


@hookimpl
def sealer_image_policies() -> Iterable[ImagePolicy]:
    """Provide the image policy ``kyverno``."""
    from sealer_policy_kyverno.policy import Kyverno

    return (Kyverno(),)
