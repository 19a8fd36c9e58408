"""Kubernetes distributions: how a cluster is made, grown and shrunk, and what it may support besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from sealer.changes.base import Change
from sealer.model import Cluster, Departure, Host, RegistryEndpoint, Renewal, Step, Upgrade
from sealer.providers.base import HostProvider


class ClusterRuntime(HostProvider):
    """A Kubernetes distribution: how a cluster of it is made, grown and shrunk.

    Attributes:
        document_kinds: The documents of Clusterfiles that it takes, by group and kind whatever their version,
            as ``sealer.io/KubeadmConfig``. Others are refused with their places. None leaves it to the
            provider to look at ``cluster.documents``.
        restarts_for_mirrors: Whether the changes of ``mirrors`` may restart a master that runs. Then core has
            those of masters made one after the other, each when the one before it has ended well.
    """

    document_kinds: ClassVar[frozenset[str] | None] = None
    restarts_for_mirrors: ClassVar[bool] = False

    @abstractmethod
    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps that start the first master.

        Together they provide ``api`` and ``member@<first master>``, and leave a ``kubectl`` in the image's
        ``bin/`` or on the host's PATH.
        """

    @abstractmethod
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return the steps that make each of ``hosts`` a member: they provide ``member@<host>``.

        They require ``api`` (and what else they need), never each other, unless the distribution can't
        take members in parallel.
        """

    @abstractmethod
    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return the steps after which the cluster does without some hosts: they provide ``removed@<host>``.

        They are made on hosts that stay and can be reached: drain, forget the member, and let the others
        know no more of a master that leaves, which may be the first. What was changed on those that leave is
        taken back by core afterwards.

        Raises:
            PlanError: The cluster can't do without them: its store would lose its quorum, for example.
        """

    def mirrors(
        self, cluster: Cluster, host: Host, registry: RegistryEndpoint, domains: Sequence[str]
    ) -> Iterable[Change]:
        """Return what ``ContainerRuntime.mirrors`` does, when the distribution has its own container runtime.

        It is asked when the image names no container runtime, also before the distribution runs on the host,
        and again for each application image. ``domains`` are all whose images the cluster's registry serves,
        those of earlier application images too.
        """
        return ()

    def becomes_ready(self, cluster: Cluster) -> bool:
        """Whether all hosts become Ready nodes without anything that is launched: it brings a pod network.

        Then an operation that makes the cluster, or lets hosts join, ends when they are; otherwise that is
        waited for only behind what is launched, which may be the network.
        """
        return False

    @abstractmethod
    def kubeconfig_path(self, cluster: Cluster) -> str:
        """Return the path, on the first master, of the administrator's kubeconfig."""


class SupportsCertificates(ABC):
    """What a cluster runtime is besides when it can make the cluster's certificates anew."""

    @abstractmethod
    def renew(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the steps after which all certificates are new, and all that use them have read them.

        They have to work when certificates have expired, so that no API server answers. Names that the
        cluster's settings ask for, but old certificates lack, come in.
        """


class SupportsUpgrade(ABC):
    """What a cluster runtime is besides when it can take a cluster from one version to another."""

    @abstractmethod
    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        """Return the steps that take a running cluster to the version of ``cluster.image``.

        They provide ``turn@<host>`` for each host when its container runtime may be replaced, and
        ``member@<host>`` once the host is healthy with the new version. A host's steps come after those of
        masters before it, and nodes after the batch before theirs: what is not healthy stops the rest. They
        require the host's ``rootfs``, ``container-runtime`` and ``registry-access``, where it has them.

        Raises:
            PlanError: There is no way from the one version to the other.
        """
