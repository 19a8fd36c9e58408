"""Versions of k3s: that of Kubernetes, and which build of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealer.errors import PlanError
from sealer.model import RUNTIME_VERSION_LABEL, ImageMetadata

FORM = re.compile(r"v?(\d+)\.(\d+)\.(\d+)((?:-[0-9A-Za-z.-]+)?)(\+k3s\d+)?")
OLDEST_MINOR = 21
"""The first minor release that rewrites names for mirrors (registries.yaml, ``rewrite``)."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class K3sVersion:
    """A release such as v1.21.2+k3s1; ``suffix`` is what follows the numbers.

    What it can do is said with the source that says so.
    """

    major: int
    minor: int
    patch: int
    suffix: str = ""

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"

    @property
    def saves_snapshots(self) -> bool:
        """Whether ``k3s etcd-snapshot save`` exists (https://github.com/k3s-io/k3s/pull/3336)."""
        return (self.minor, self.patch) >= (21, 2)

    @property
    def rotates_certificates(self) -> bool:
        """Whether ``k3s certificate rotate`` exists.

        It came before 1.24, with some patches of 1.21 to 1.23 too (https://github.com/k3s-io/k3s/pull/4632).
        """
        return self.minor >= 24

    @property
    def shares_images(self) -> bool:
        """Whether the embedded registry mirror is more than an experiment.

        See https://docs.k3s.io/installation/registry-mirror.
        """
        return self.patch >= {29: 12, 30: 8, 31: 4}.get(self.minor, 0) and self.minor >= 29


def parse_version(text: str) -> K3sVersion | None:
    """Read a version, or return None when it is none."""
    match = FORM.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch = (int(match[number]) for number in (1, 2, 3))
    return K3sVersion(major=major, minor=minor, patch=patch, suffix=match[4] + (match[5] or ""))


def image_version(image: ImageMetadata) -> K3sVersion:
    """Return the version of the k3s that an image brings, from its label.

    Raises:
        PlanError: The label is missing, is no version, or names a release that can't be installed so.
    """
    text = image.labels.get(RUNTIME_VERSION_LABEL)
    version = None if text is None else parse_version(text)
    if version is None:
        found = "has no label" if text is None else f"has, instead of a version of k3s, {text!r} as label"
        raise PlanError(
            f"image {image.reference} {found} {RUNTIME_VERSION_LABEL}",
            hint="set it where the base image is built, as v1.33.1+k3s1",
        )
    if (version.major, version.minor) < (1, OLDEST_MINOR):
        raise PlanError(
            f"image {image.reference} brings k3s {version}",
            hint=f"releases from v1.{OLDEST_MINOR} on can be installed",
        )
    return version
