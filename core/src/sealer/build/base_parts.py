"""Puts a recipe together with the providers whose files it wants in its base images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sealer.errors import ImageError, PluginError, UsageError
from sealer.model import Platform
from sealer.plugins import Plugins
from sealer.providers import BaseRecipe, Component, Download, SupportsBaseImages

_Declared = TypeVar("_Declared", Component, Download)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What a base image is made by: the recipe of a distribution, and those who add to it.

    Attributes:
        recipe: The recipe.
        parts: A container runtime, a registry, application types.
    """

    recipe: BaseRecipe
    parts: tuple[SupportsBaseImages, ...] = ()

    def components(self, platform: Platform) -> tuple[Component, ...]:
        """Return all components. What several declare in the same words is there once.

        Raises:
            ImageError: There are none for the platform, or two of different kinds have one name or place.
        """
        declared = [*self.recipe.components(platform)]
        for part in self.parts:
            declared += part.base_components(platform)
        by_name = _united(declared, lambda component: (component.name,))
        _united(by_name, lambda component: (component.path,))
        return by_name

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        """Return the downloads of all components.

        Raises:
            ImageError: The version can't be built this way, or a component would come from two places.
        """
        kubernetes = self.recipe.kubernetes_version(version)
        declared = [*self.recipe.downloads(version, platform)]
        for part in self.parts:
            declared += part.base_downloads(kubernetes, platform)
        return _united(declared, lambda download: tuple(download.members.values()) or (download.component,))

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        """Return the labels of the image; those of the recipe count before those of parts.

        Raises:
            ImageError: A component is missing that this version needs.
        """
        kubernetes = self.recipe.kubernetes_version(version)
        labels: dict[str, str] = {}
        for part in self.parts:
            labels.update(part.base_labels(kubernetes, versions))
        return {**labels, **self.recipe.labels(version, versions)}


def make_blueprint(
    recipe: BaseRecipe, plugins: Plugins, *, container_runtime: str | None = None
) -> Blueprint:
    """Look up whose files a recipe wants.

    Args:
        recipe: The recipe.
        plugins: All providers.
        container_runtime: The container runtime that the user wants instead of the recipe's.

    Raises:
        UsageError: The distribution has a container runtime inside, and the user wants another one.
        PluginError: No plugin provides what is wanted, or it has no files for base images.
    """
    found: list[object] = []
    if container_runtime and not recipe.container_runtime:
        raise UsageError(
            f"{recipe.name} has a container runtime inside, and its images get no other",
            hint="leave --container-runtime out",
        )
    name = container_runtime or recipe.container_runtime
    if name:
        runtime = plugins.container_runtime(name)
        if not isinstance(runtime, SupportsBaseImages):
            raise PluginError(
                f"the container runtime {name!r} does not say which files it needs in a base image",
                hint="add them to an image with a Kubefile, and set the label "
                "cluster.alpha.sealer.io/container-runtime-type there",
            )
        found.append(runtime)
    if recipe.registry:
        found.append(plugins.only_registry())
    app_types = plugins.app_types()
    found += (app_types[name] for name in recipe.app_types if name in app_types)
    return Blueprint(
        recipe=recipe, parts=tuple(part for part in found if isinstance(part, SupportsBaseImages))
    )


def _united(
    declared: Iterable[_Declared], keys: Callable[[_Declared], tuple[str, ...]]
) -> tuple[_Declared, ...]:
    """Return what was declared, each once; a key stands for one thing only."""
    found: dict[str, _Declared] = {}
    for one in declared:
        for key in keys(one):
            if found.setdefault(key, one) != one:
                raise ImageError(
                    f"{key} of the base image is declared twice, and differently",
                    hint="the plugins of the distribution and of the container runtime do not fit together",
                )
    return tuple(_once(found.values()))


def _once(values: Iterable[_Declared]) -> Iterable[_Declared]:
    """Yield values that are equal once; they need not be hashable."""
    seen: list[_Declared] = []
    for value in values:
        if value not in seen:
            seen.append(value)
            yield value
