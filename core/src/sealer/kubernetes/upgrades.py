"""Which way leads from one version of Kubernetes to another, whatever the distribution."""

from __future__ import annotations

from typing import Protocol

from sealer.errors import PlanError


class Release(Protocol):
    """A version of a distribution, which has the numbers of the Kubernetes inside."""

    @property
    def major(self) -> int:
        """The first number."""

    @property
    def minor(self) -> int:
        """The second number."""

    @property
    def patch(self) -> int:
        """The third number."""

    @property
    def suffix(self) -> str:
        """What follows the numbers: a pre-release, or which build it is."""


def require_way(previous: Release, version: Release, what: str) -> None:
    """Refuse what Kubernetes doesn't support: to go back, and to leave a minor version out.

    Args:
        previous: What the cluster runs.
        version: What it is to run.
        what: The distribution's name, as messages say it.

    Raises:
        PlanError: There is no way from the one version to the other.
    """
    old, new = ((v.major, v.minor, v.patch) for v in (previous, version))
    if new == old and previous.suffix == version.suffix:
        raise PlanError(
            f"the cluster runs {what} {version} already", hint="use sealer run to change the rest"
        )
    if new < old:
        raise PlanError(
            f"the cluster runs {what} {previous}, and the image brings {version}: there is no way back",
            hint="sealer rollback takes the last upgrade back",
        )
    if version.minor > previous.minor + 1:
        raise PlanError(
            f"there is no way from {what} {previous} to {version}: one minor version at a time",
            hint=f"upgrade to an image with v{previous.major}.{previous.minor + 1} first; "
            "sealer upgrade takes several images, one after the other",
        )
