"""The providers of all built-in plugins, found by the entry points that their folders declare."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sealer.plugins import Kind, Plugins

PLUGINS = Path(__file__).parents[2] / "plugins"


@dataclass(frozen=True)
class Found:
    """A provider, and the folder of the plugin that brings it."""

    folder: str
    provider: Any

    @property
    def samples(self) -> ModuleType:
        """``samples.py`` beside the plugin's tests: what its contract needs to be tried on."""
        return importlib.import_module(f"tests.plugins.{self.folder}.samples")


def _lookup(plugins: Plugins, kind: Kind) -> Any:
    return {
        Kind.CLUSTER_RUNTIME: plugins.cluster_runtimes,
        Kind.CONTAINER_RUNTIME: plugins.container_runtimes,
        Kind.REGISTRY: plugins.registries,
        Kind.APP_TYPE: plugins.app_types,
        Kind.BASE_RECIPE: plugins.base_recipes,
        Kind.HOST_CHECKS: plugins.host_checks,
        Kind.VOCABULARY: plugins.vocabularies,
        Kind.TASK_TYPE: plugins.task_types,
        Kind.IMAGE_POLICY: plugins.image_policies,
    }[kind]()


def _entry_points() -> Iterator[tuple[str, str]]:
    for file in sorted(PLUGINS.glob("*/pyproject.toml")):
        points = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["entry-points"]["sealer"]
        yield from ((file.parent.name, module) for module in points.values())


@cache
def found(kind: Kind) -> tuple[Found, ...]:
    """Return the providers of a kind, in the order of folders."""
    return tuple(
        Found(folder, provider)
        for folder, module in _entry_points()
        for provider in _lookup(Plugins.of(importlib.import_module(module)), kind).values()
    )
