"""Registries inside clusters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from sealer.model import Cluster, Host, RegistryEndpoint, Renewal, Step
from sealer.providers.base import HostProvider


class Registry(HostProvider):
    """The registry inside a cluster that serves the image's container images."""

    @abstractmethod
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        """Return where it will be reached, and the values that its step produces."""

    @abstractmethod
    def serve(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps that start it: they provide ``registry@<host>`` for each of ``hosts``."""

    @abstractmethod
    def hosts(self, cluster: Cluster) -> tuple[Host, ...]:
        """Return the hosts that serve and get the image's ``registry/`` tree; clients turn to any of them."""


class SupportsRotation(ABC):
    """What a registry is besides when it can get new credentials and certificates while it serves."""

    @abstractmethod
    def rotate(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the steps after which it has a new password, authority and certificate.

        They have the ids of those of ``serve``, so that the values of ``endpoint`` come from them, and
        provide ``registry@<host>``. Core lets all hosts know the new ones afterwards.
        """
