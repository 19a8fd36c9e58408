"""Registries inside clusters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from sealer.model import Cluster, Host, RegistryEndpoint, Step
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
