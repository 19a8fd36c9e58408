"""Image policies: the cluster's own webhooks redirect container images where hosts have no mirrors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from sealer.changes.base import Change
from sealer.model import Cluster
from sealer.providers.base import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """Which container images pods get from elsewhere, and for whose sake.

    Attributes:
        owner: The application that needs it, by the name it has on the cluster.
        targets: Where an image comes from, by each name that pods may call it: the full one, and those that
            mean the same, as ``nginx`` and ``docker.io/library/nginx:latest``.
    """

    owner: str
    targets: Mapping[str, str]


class ImagePolicy(Provider):
    """A policy engine in the cluster that changes the names of container images when pods are made.

    An image asks for one by the label ``app.alpha.sealer.io/image-policy-plugin``, which is the provider's
    name. It is used where hosts do not find the images by mirrors, and nowhere else.

    Attributes:
        application: The application of images that brings the engine; it is launched before all others. An
            image without it needs a cluster that has the engine.
    """

    application: ClassVar[str]

    @abstractmethod
    def redirect(self, cluster: Cluster, redirection: Redirection) -> Iterable[Change]:
        """Return the changes after which new pods get these images, and no others, from elsewhere.

        Made where applications are launched, with kubectl on PATH. A cluster without the engine is refused
        by a change that fails and says so.
        """

    @abstractmethod
    def withdraw(self, cluster: Cluster, owner: str) -> Iterable[Change]:
        """Return the changes after which nothing is redirected for an application any longer."""

    @abstractmethod
    def clean(self, cluster: Cluster) -> Iterable[Change]:
        """Return the changes after which nothing is left of an engine whose application was taken away."""
