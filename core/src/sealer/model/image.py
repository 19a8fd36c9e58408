"""What an image says about itself: its applications, launch commands and packed container images.

Field names and meaning follow the Go implementation's annotations ``sealer.image.extension`` and
``sealer.image.container.images`` so that an image made by either tool can be read by the other.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

EMPTY: Mapping[str, str] = MappingProxyType({})

APPS_DIRECTORY = "application/apps"
"""Where applications live, relative to the image's root."""

RUNTIME_TYPE_LABEL = "cluster.alpha.sealer.io/cluster-runtime-type"
RUNTIME_VERSION_LABEL = "cluster.alpha.sealer.io/cluster-runtime-version"
CONTAINER_RUNTIME_TYPE_LABEL = "cluster.alpha.sealer.io/container-runtime-type"
CONTAINER_RUNTIME_VERSION_LABEL = "cluster.alpha.sealer.io/container-runtime-version"
KUBE_CNI_LABEL = "cluster.alpha.sealer.io/kube-cni"
KUBE_CSI_LABEL = "cluster.alpha.sealer.io/kube-csi"
SUPPORTED_KUBE_VERSION_LABEL = "app.alpha.sealer.io/supported-kube-version"
IMAGE_POLICY_LABEL = "app.alpha.sealer.io/image-policy-plugin"


class ImageType(enum.StrEnum):
    """Whether an image brings a cluster runtime or needs a cluster that exists."""

    CLUSTER = "kube-installer"
    APPLICATION = "app-installer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An OCI platform, such as linux/amd64 or linux/arm64/v8."""

    os: str = "linux"
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        parts = [self.os, self.architecture] + ([self.variant] if self.variant else [])
        return "/".join(parts)


READY_TIMEOUT = 600
"""Seconds an application may take to become ready unless the user says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """What the user wants of an application on one cluster; an image says nothing of it.

    Attributes:
        namespace: Where it goes, or "" for what its files, or else the cluster, say.
        release: What it is called there, where its type gives it a name; "" for the application's name.
        values: Files of values on the host, later ones over earlier ones; they may hold secrets.
        timeout: Seconds it may take to become ready; 0 is for not waiting.
        images: Names of container images that its manifests have, and the names to put in their place.
    """

    namespace: str = ""
    release: str = ""
    values: tuple[str, ...] = ()
    timeout: int = READY_TIMEOUT
    images: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application inside an image.

    Attributes:
        name: Unique within the image; also its directory below ``APPS_DIRECTORY``.
        type: The name of its application type, or "" when only ``cmds`` say how to launch it.
        files: The files that are launched, relative to the application's directory, in order.
        version: The schema version of this record, "v1".
        env: Environment of its launch commands and templates (APPENV).
        cmds: Launch commands that replace those of the type (APPCMDS).
        settings: What the user wants of it on the cluster it is put on.
    """

    name: str
    type: str = ""
    files: tuple[str, ...] = ()
    version: str = "v1"
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    cmds: tuple[str, ...] = ()
    settings: AppSettings = field(default_factory=AppSettings)

    @property
    def directory(self) -> str:
        """The application's directory, relative to the image's root."""
        return f"{APPS_DIRECTORY}/{self.name}"

    @property
    def release(self) -> str:
        """What it is called on the cluster."""
        return self.settings.release or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is started after the cluster is up: raw commands (CMDS), or applications in order (LAUNCH)."""

    cmds: tuple[str, ...] = ()
    app_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerImage:
    """A container image packed into a sealer image.

    Attributes:
        image: The full name as manifests write it, normalised: ``docker.io/library/nginx:1.25``.
        app_name: The application that uses it, if one does.
        platform: The platform whose blobs were packed.
        digest: What the name stood for when it was packed, ``sha256:<hex>``: a manifest or a list of some; ""
            when the tool that built the image did not say.
    """

    image: str
    app_name: str = ""
    platform: Platform
    digest: str = ""

    @property
    def domain(self) -> str:
        """The registry the name belongs to, such as ``docker.io``."""
        return self.image.split("/", 1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetadata:
    """The metadata of one image for one platform, as plans and providers see it.

    Attributes:
        reference: The name it was asked for by.
        digest: The manifest digest, ``sha256:<hex>``.
        type: Cluster image or application image.
        labels: The labels of the image config.
        env: Environment that the Kubefile's ENV set.
        applications: In declaration order, the parent's first.
        launch: What runs after installation.
        container_images: The container images in its ``registry/`` tree.
        files: The texts of those files that the cluster runtime wants to read while planning, by their paths;
            those that the image lacks are not in it.
        programs: The paths of those programs that providers want to know of and that the image has.
    """

    reference: str
    digest: str
    type: ImageType
    platform: Platform
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    applications: tuple[Application, ...] = ()
    launch: Launch = field(default_factory=Launch)
    container_images: tuple[ContainerImage, ...] = ()
    files: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    programs: tuple[str, ...] = ()

    def application(self, name: str) -> Application | None:
        """Return the application of that name, or None."""
        return next((app for app in self.applications if app.name == name), None)
