"""Chooses the providers that an image asks for by its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sealer.build.declared import Declared, declared_programs
from sealer.cluster.external_registry import External
from sealer.clusterfile import ClusterSpec
from sealer.errors import ImageError
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    RUNTIME_TYPE_LABEL,
    ImageMetadata,
)
from sealer.plugins import Plugins
from sealer.providers import (
    AppType,
    ClusterRuntime,
    ContainerRuntime,
    HostProvider,
    ImagePolicy,
    Registry,
    TaskType,
)

NO_TASKS: Mapping[str, TaskType] = MappingProxyType({})
NO_POLICIES: Mapping[str, ImagePolicy] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The providers that make one cluster.

    Attributes:
        runtime: Chosen by the label of the cluster runtime.
        container: Chosen by the label of the container runtime, or None when the image has no such label.
        registry: The one registry that is installed, or the one outside of the cluster that the user wants
            in its place; None when the image has no container images.
        app_types: All application types, by name.
        task_types: All types of tasks, by name.
        image_policies: All image policies, by name.
        declared: Programs of the image whose versions its labels declare, as far as plans are made by them.
    """

    runtime: ClusterRuntime
    container: ContainerRuntime | None
    registry: Registry | None
    app_types: Mapping[str, AppType]
    task_types: Mapping[str, TaskType] = field(default_factory=lambda: NO_TASKS)
    image_policies: Mapping[str, ImagePolicy] = field(default_factory=lambda: NO_POLICIES)
    declared: tuple[Declared, ...] = ()

    @property
    def host_providers(self) -> tuple[HostProvider, ...]:
        """Those that ask and check hosts."""
        return tuple(part for part in (self.runtime, self.container, self.registry) if part is not None)

    @property
    def image_files(self) -> tuple[str, ...]:
        """The files of images that they read while planning."""
        return tuple(dict.fromkeys(path for part in self.host_providers for path in part.image_files))

    @property
    def image_programs(self) -> tuple[str, ...]:
        """The programs that their plans depend on whether images have them."""
        return tuple(dict.fromkeys(path for part in self.host_providers for path in part.image_programs))


def choose_parts(image: ImageMetadata, plugins: Plugins, spec: ClusterSpec, home: Path) -> Parts:
    """Look up what a cluster image asks for.

    Args:
        image: The cluster image.
        plugins: The providers.
        spec: What the user wants in place of what the image says.
        home: Sealer's home directory.

    Raises:
        ImageError: The image does not say which cluster runtime it brings.
        PluginError: No plugin provides what it asks for.
    """
    runtime = image.labels.get(RUNTIME_TYPE_LABEL)
    if runtime is None:
        raise ImageError(
            f"image {image.reference} has no label {RUNTIME_TYPE_LABEL}",
            hint=f"a cluster image says what it brings; give it LABEL {RUNTIME_TYPE_LABEL}=… by a Kubefile "
            f"that begins with FROM {image.reference}",
        )
    declared = declared_programs(image.labels, image.platform, plugins)
    container = spec.container_runtime or image.labels.get(CONTAINER_RUNTIME_TYPE_LABEL)
    return Parts(
        runtime=plugins.cluster_runtime(runtime),
        container=plugins.container_runtime(container) if container else None,
        registry=_registry(plugins, spec, home) if image.container_images else None,
        app_types=plugins.app_types(),
        task_types=plugins.task_types(),
        image_policies=plugins.image_policies(),
        declared=tuple(one for one in declared if one.is_crucial),
    )


def _registry(plugins: Plugins, spec: ClusterSpec, home: Path) -> Registry:
    return plugins.only_registry() if spec.external is None else External(spec.external, home)
