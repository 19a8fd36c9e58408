"""Kubernetes versions, and which version of kubeadm's configuration each one reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealer.errors import PlanError
from sealer.model import RUNTIME_VERSION_LABEL, ImageMetadata

_FORM = re.compile(r"v?(\d+)\.(\d+)\.(\d+)((?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)")

# First minor release that reads a version, from the newest. kubeadm keeps reading an older one for some
# releases; the newest that all patch releases of a minor read is chosen.
_CONFIG_APIS = ((31, "v1beta4"), (23, "v1beta3"), (15, "v1beta2"), (13, "v1beta1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesVersion:
    """A release such as v1.20.2; ``suffix`` is what follows the numbers, such as ``-rc.1``."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"

    @property
    def config_api(self) -> str:
        """The apiVersion of kubeadm's configuration, such as ``kubeadm.k8s.io/v1beta3``."""
        name = next(name for first, name in _CONFIG_APIS if self.minor >= first)
        return f"kubeadm.k8s.io/{name}"

    @property
    def argument_lists(self) -> bool:
        """Whether extra arguments are lists of name and value instead of mappings."""
        return self.config_api.endswith("v1beta4")

    @property
    def has_timeouts(self) -> bool:
        """Whether time-outs are fields of their own in the configurations of init and join."""
        return self.config_api.endswith("v1beta4")


def image_version(image: ImageMetadata) -> KubernetesVersion:
    """Return the version of the Kubernetes that an image brings, from its label.

    Raises:
        PlanError: The label is missing, is no version, or names a release that kubeadm can't install so.
    """
    text = image.labels.get(RUNTIME_VERSION_LABEL)
    if text is None:
        raise PlanError(
            f"image {image.reference} does not say which Kubernetes it brings",
            hint=f"set the label {RUNTIME_VERSION_LABEL} where the base image is built",
        )
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise PlanError(
            f"label {RUNTIME_VERSION_LABEL} of image {image.reference} is no version: {text!r}",
            hint="write it as v1.28.3",
        )
    version = KubernetesVersion(
        major=int(match[1]), minor=int(match[2]), patch=int(match[3]), suffix=match[4]
    )
    if version.major != 1 or version.minor < _CONFIG_APIS[-1][0]:
        raise PlanError(
            f"image {image.reference} brings Kubernetes {version}",
            hint=f"releases from v1.{_CONFIG_APIS[-1][0]} on can be installed",
        )
    return version
