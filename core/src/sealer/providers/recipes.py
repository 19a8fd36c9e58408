"""How base images are made from what upstream releases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sealer.model import Platform
from sealer.model.image import EMPTY
from sealer.providers.base import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A file of a base image that comes from an upstream release.

    Attributes:
        name: What it is called below a directory of artifacts, in downloads and in messages: ``kubelet``.
        path: Where it goes in the rootfs, such as ``bin/kubelet``.
        version_arguments: Arguments that make the program print its version, or () when it isn't asked.
        version_pattern: A regular expression whose only group is the version in what it printed.
        carries_version: Whether its version must be that of the distribution.
        optional: Whether a release, or a directory of artifacts, may lack it.
        executable: Whether it is a program: it gets mode 0755, and must be one for the platform.
    """

    name: str
    path: str
    version_arguments: tuple[str, ...] = ()
    version_pattern: str = ""
    carries_version: bool = False
    optional: bool = False
    executable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that upstream publishes: one component itself, or a tar archive that holds some.

    Attributes:
        url: Its address, with https.
        checksum: ``sha256:<hex>``, or the address of a text that holds the hexadecimal digest, alone or
            beside file names as ``sha256sum`` prints it.
        version: The version of what is in it.
        component: The name of the component that the file is, or "" when it is an archive.
        members: When it is a tar archive: component names by member name.
    """

    url: str
    checksum: str
    version: str
    component: str = ""
    members: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramQuery:
    """A question that a program of the release can answer, such as which container images it needs.

    Core runs the program, on its own platform, with an empty environment and no input; the answer is its
    standard output.
    """

    component: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuery:
    """A question that a text file of the release answers; when an optional one is missing: nothing."""

    component: str


class SupportsBaseImages(ABC):
    """What a container runtime, a registry or an application type is besides when base images have its files.

    So no recipe knows where containerd or helm come from: it says whom it wants, and core asks them.
    """

    @abstractmethod
    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        """Return the files of the rootfs that it needs, whatever the version of Kubernetes.

        Raises:
            ImageError: There are none for the platform.
        """

    @abstractmethod
    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        """Return where upstream publishes those that go with a version of Kubernetes, such as ``v1.33.1``.

        Raises:
            ImageError: Nothing goes with it; the message says from which version on something does.
        """

    def base_labels(self, kubernetes: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        """Return the labels of the image that are about it.

        Args:
            kubernetes: The version of Kubernetes.
            versions: The version of each component that is asked for it, by name.

        Raises:
            ImageError: With this version of Kubernetes it needs a component that is not there.
        """
        return {}


class BaseRecipe(Provider):
    """How a base image of a distribution is made from its upstream release, or from files at hand.

    ``name`` is what ``sealer base build NAME`` takes; equal to the cluster runtime's name. A recipe only
    declares: core downloads, looks files up, runs programs, compares versions and pulls container images.
    What others bring is not its own: their components, downloads and labels come to those of the recipe.

    Attributes:
        container_runtime: The container runtime that the image gets unless the user wants another one; ""
            when the distribution has its own inside.
        registry: Whether the image gets a registry, which serves its container images.
        app_types: Application types whose programs go along.
    """

    container_runtime: ClassVar[str] = ""
    registry: ClassVar[bool] = False
    app_types: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def canonical_version(self, version: str) -> str:
        """Return a version the way the distribution's programs print it: ``v1.33.1`` for ``1.33.1``.

        Raises:
            ImageError: It is not a version of the distribution.
        """

    @abstractmethod
    def components(self, platform: Platform) -> tuple[Component, ...]:
        """Return the files of the rootfs that come from a release, whatever its version.

        Raises:
            ImageError: There are none for the platform.
        """

    @abstractmethod
    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        """Return where upstream publishes the components that belong to a version.

        Raises:
            ImageError: The version can't be built this way; the message says from which one on it can.
        """

    def kubernetes_version(self, version: str) -> str:
        """Return the version of Kubernetes inside a version of the distribution: it comes before a ``+``."""
        return version.partition("+")[0]

    def image_query(self, version: str) -> ProgramQuery | FileQuery | None:
        """Return the question whose answer ``container_images`` reads, or None when none is needed."""
        return None

    @abstractmethod
    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        """Return the names of the container images the distribution needs.

        Args:
            version: The version of the distribution.
            platform: The platform the image is built for.
            answer: What the program of ``image_query`` printed, or its file says, or "".

        Raises:
            ImageError: The answer can't be read.
        """

    @abstractmethod
    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        """Return the labels of the image.

        Args:
            version: The version of the distribution.
            versions: The version of each component that is asked for it, by name.
        """

    def files(self, version: str, platform: Platform) -> Mapping[str, str]:
        """Return further text files of the rootfs by path, such as ``etc/kubeadm.yml``."""
        return {}
