"""Versions of k0s: that of Kubernetes, which build of it, and what k0s can do since when."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealer.errors import PlanError
from sealer.model import RUNTIME_VERSION_LABEL, ImageMetadata

FORM = re.compile(r"v?(\d+)\.(\d+)\.(\d+)((?:-[0-9A-Za-z.-]+)?)(\+k0s\.\d+)?")
OLDEST_MINOR = 20
"""The first minor release whose numbers are those of Kubernetes."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class K0sVersion:
    """A release such as v1.33.1+k0s.0; ``suffix`` is what follows the numbers.

    What it can do was read off k0s' sources, at the last tag of each minor release.
    """

    major: int
    minor: int
    patch: int
    suffix: str = ""

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"

    @property
    def can_back_up(self) -> bool:
        """Whether ``k0s backup`` exists."""
        return self.minor >= 21

    @property
    def reads_mirror_files(self) -> bool:
        """Whether the containerd inside reads a file for each registry (containerd 1.5 and later)."""
        return self.minor >= 22

    @property
    def taints_controllers(self) -> bool:
        """Whether controllers that are workers as well get a taint unless that is refused."""
        return self.minor >= 23

    @property
    def names_its_config(self) -> bool:
        """Whether all commands, and not the controller alone, want to be told where the configuration is."""
        return self.minor <= 23

    @property
    def balances(self) -> bool:
        """Whether workers can have a balancer of their own between all controllers."""
        return self.minor >= 26

    @property
    def has_traefik(self) -> bool:
        """Whether that balancer can be Traefik instead of Envoy."""
        return self.minor >= 36

    @property
    def manages_containerd(self) -> bool:
        """Whether k0s writes containerd's configuration itself, and takes files beside it into it."""
        return self.minor >= 27

    @property
    def speaks_ipv6_alone(self) -> bool:
        """Whether a cluster can do without IP version 4."""
        return self.minor >= 34

    @property
    def has_containerd_2(self) -> bool:
        """Whether the containerd inside is 2.x, whose sections have other names."""
        return self.minor >= 36


def parse_version(text: str) -> K0sVersion | None:
    """Read a version, or return None when it is none."""
    match = FORM.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch = (int(match[number]) for number in (1, 2, 3))
    return K0sVersion(major=major, minor=minor, patch=patch, suffix=match[4] + (match[5] or ""))


def image_version(image: ImageMetadata) -> K0sVersion:
    """Return the version of the k0s that an image brings, from its label.

    Raises:
        PlanError: The label is missing, is no version, or names a release that can't be installed so.
    """
    text = image.labels.get(RUNTIME_VERSION_LABEL)
    version = None if text is None else parse_version(text)
    if version is None:
        found = "has no label" if text is None else f"has, instead of a version of k0s, {text!r} as label"
        raise PlanError(
            f"image {image.reference} {found} {RUNTIME_VERSION_LABEL}",
            hint="set it where the base image is built, as v1.33.1+k0s.0",
        )
    if (version.major, version.minor) < (1, OLDEST_MINOR):
        raise PlanError(
            f"image {image.reference} brings k0s {version}",
            hint=f"releases from v1.{OLDEST_MINOR} on can be installed",
        )
    return version
