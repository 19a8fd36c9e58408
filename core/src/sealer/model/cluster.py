"""The read-only view of a cluster that providers plan from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from sealer.model.host import Host
from sealer.model.image import EMPTY, ImageMetadata
from sealer.model.value import Value

DEFAULT_DATA_ROOT = "/var/lib/sealer"
ROOTFS = "rootfs"
STORE = "store"
HTTPS_PORT = 443
NO_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def netloc(domain: str, port: int) -> str:
    """Return a registry as names of images begin with it: HTTPS's own port is left out."""
    return domain if port == HTTPS_PORT else f"{domain}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """What the user wants of the cluster's registry; None leaves it to the registry.

    Attributes:
        domain: The name that hosts reach it by.
        port: The TCP port it listens on.
    """

    domain: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEndpoint:
    """How hosts reach the cluster's registry.

    Attributes:
        domain: Its name, such as ``sea.hub``; hosts resolve it to ``addresses``.
        port: TCP port; it speaks TLS.
        addresses: The IP addresses that serve it, all the same; hosts go on to the next when one is down. A
            registry outside of the cluster has none: hosts know it by its name.
        username: Of the account hosts pull with, or "" where none is needed.
        password: A secret that the registry's own step produces, or None where none is needed.
        credentials: ``username:password`` in base64, as HTTP's Basic scheme and docker's ``auth`` want it;
            a secret of the registry's own step, because the password is not known while planning.
        certificate_authority: The PEM text hosts verify it by: a value of the registry's own step, or known
            already. None where those authorities suffice that hosts trust anyway.
        path: What all repositories in it begin with, such as the name of a project, or "".
    """

    domain: str
    port: int
    addresses: tuple[str, ...]
    username: str
    password: Value | None
    credentials: Value | None
    certificate_authority: Value | str | None
    path: str = ""

    @property
    def is_outside(self) -> bool:
        """Whether it is a registry outside of the cluster."""
        return not self.addresses

    @property
    def netloc(self) -> str:
        """``domain:port`` as names of images have it: HTTPS's own port is left out."""
        return netloc(self.domain, self.port)

    @property
    def location(self) -> str:
        """What the names of images in it begin with: ``netloc`` and the path."""
        return f"{self.netloc}/{self.path}" if self.path else self.netloc

    def below(self, domain: str) -> str:
        """Return what the repositories of another domain's images begin with in it; "" for its own domain.

        It is that domain, a colon in it written as an underscore, behind the path.
        """
        if domain in {self.netloc, f"{self.domain}:{self.port}"}:
            return ""
        return "/".join(part for part in (self.path, domain.replace(":", "_")) if part)


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
