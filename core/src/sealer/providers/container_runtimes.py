"""Container runtimes, which cluster runtimes talk to through a socket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sealer.changes.base import Change
from sealer.model import (
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Host,
    ImageMetadata,
    RegistryEndpoint,
    Step,
)
from sealer.providers.base import HostProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageImport:
    """How container images come into a node's container runtime, in sh with the node's own programs.

    Attributes:
        present: Succeeds where the container runtime runs.
        run: Takes an OCI archive on standard input; what is in it is called as its index says.
    """

    present: str
    run: str


class SupportsImageImport(ABC):
    """What a container runtime, or a cluster runtime with its own, is besides when it takes archives."""

    @abstractmethod
    def image_import(self) -> ImageImport:
        """Return how container images come into it on any node, also of clusters that Sealer did not make.

        In the index of the archive ``io.containerd.image.name`` is the full name of an image.
        """


class ContainerRuntime(HostProvider):
    """A container runtime, such as containerd, that a cluster runtime talks to through a socket.

    Attributes:
        has_mirrors: Whether ``mirrors`` lets images be pulled by their own names. A runtime that can't do
            that only comes to trust the registry, and an image policy redirects pods where the image has one.
    """

    has_mirrors: ClassVar[bool] = True

    @abstractmethod
    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        """Return the socket and cgroup driver it will have on these hosts, beside what the image brings.

        The image's environment is that of the cluster here: the user's over its own.
        """

    @abstractmethod
    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        """Return the steps that bring it up on a host: they provide ``container-runtime@<host>``."""

    @abstractmethod
    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        """Return the changes that let names of these registry domains be pulled from the cluster's own.

        They are all whose images the registry serves: of the cluster image and of every application image.

        Container images of a domain are found in the cluster's registry below ``<domain>/``, a colon in
        the domain written as an underscore. The changes take effect without restarting the runtime.
        """

    def preload(self, registry: RegistryEndpoint, images: Sequence[ContainerImage]) -> Iterable[Change]:
        """Return the changes that bring these images to a host, when mirrors can't do that for every name.

        They come behind ``mirrors``, on every host, and each one names its image.
        """
        return ()
