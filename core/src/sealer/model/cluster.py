"""The read-only view of a cluster that providers plan from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from sealer.model.host import Host
from sealer.model.image import EMPTY, ImageMetadata
from sealer.model.registry import RegistryEndpoint, RegistrySettings

DEFAULT_DATA_ROOT = "/var/lib/sealer"
ROOTFS = "rootfs"
STORE = "store"
NO_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRuntimeSettings:
    """What a cluster runtime must know of the container runtime.

    Attributes:
        socket: The path of the socket it is spoken to through.
        cgroup_driver: ``systemd`` or ``cgroupfs``.
        built_in: Whether the program that runs pods serves that socket itself, and needs another way to name
            it than ``unix://``: Docker behind what is inside of it up to Kubernetes 1.23.
    """

    socket: str
    cgroup_driver: str
    built_in: bool = False

    @property
    def endpoint(self) -> str:
        """What settings call the socket: its address, or the path that stands for what is built in."""
        return self.socket if self.built_in else f"unix://{self.socket}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster as it is wanted: hosts with their facts, the image, the user's settings.

    Attributes:
        name: The cluster's name.
        image: The metadata of the cluster image (of the first master's platform).
        hosts: Masters first, in the user's order.
        env: Environment: that of the image, overridden by the user's. What is done on, or said of, one host
            takes ``env_of`` that host; what is said of the cluster as a whole, that of the first master.
        host_aliases: Names that every host resolves to an address, by that address.
        data_root: The directory on hosts that holds the data of all clusters.
        container_runtime: Set when the image needs a container runtime beside the cluster runtime.
        registry_settings: What the user wants of the registry; providers of registries follow it.
        registry: Set when the image carries container images.
        documents: Further documents of the Clusterfile, such as kubeadm's, as plain data.
    """

    name: str
    image: ImageMetadata
    hosts: tuple[Host, ...]
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    host_aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_ALIASES)
    data_root: str = DEFAULT_DATA_ROOT
    container_runtime: ContainerRuntimeSettings | None = None
    registry_settings: RegistrySettings = field(default_factory=RegistrySettings)
    registry: RegistryEndpoint | None = None
    documents: tuple[Mapping[str, object], ...] = ()

    @property
    def masters(self) -> tuple[Host, ...]:
        """The hosts of the control plane, in order."""
        return tuple(host for host in self.hosts if host.is_master)

    @property
    def nodes(self) -> tuple[Host, ...]:
        """The hosts that are no masters, in order."""
        return tuple(host for host in self.hosts if not host.is_master)

    @property
    def first_master(self) -> Host:
        """The master that creates the cluster and launches applications."""
        return self.masters[0]

    def env_of(self, host: Host) -> Mapping[str, str]:
        """Return the environment on a host: the cluster's, overridden by the host's own."""
        return {**self.env, **host.env}

    @staticmethod
    def in_turn(host: Host, addresses: Sequence[str]) -> tuple[str, ...]:
        """Return addresses of equal servers in the order a host tries them, so that hosts spread over them.

        Its own address comes first. Where other hosts begin is drawn by lot from their names, and stays so
        whichever hosts come and go.
        """
        if host.address in addresses:
            start = addresses.index(host.address)
        else:
            start = zlib.crc32(host.name.encode()) % len(addresses)
        return (*addresses[start:], *addresses[:start])

    @property
    def data(self) -> str:
        """The cluster's own directory on hosts."""
        return f"{self.data_root}/{self.name}"

    @property
    def rootfs(self) -> str:
        """Where the image's files are on hosts."""
        return f"{self.data}/{ROOTFS}"

    @property
    def registry_storage(self) -> str:
        """Where the container images of all images are on the hosts that serve them.

        It is a file system storage of the CNCF distribution registry (``docker/registry/v2`` below it).
        """
        return f"{self.data}/{STORE}/registry"
