"""Whether the programs of an image are of the versions that its labels declare."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sealer.build.tools import Tools
from sealer.changes import Command, quote
from sealer.errors import ImageError, PluginError
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    CONTAINER_RUNTIME_VERSION_LABEL,
    RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    Platform,
)
from sealer.plugins import Plugins
from sealer.providers import Component, SupportsBaseImages


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A program whose version a label declares.

    Attributes:
        component: The program, and how it is asked.
        label: The label.
        version: What the label says.
    """

    component: Component
    label: str
    version: str

    @property
    def is_crucial(self) -> bool:
        """Whether plans are made by that version: then another one is an error, and a warning else."""
        return self.label == RUNTIME_VERSION_LABEL

    async def ask(self, tools: Tools, program: Path) -> str | None:
        """Return the version that a program of an image prints, if it is another one; else None.

        One that can't be run apart from the files around it tells nothing.
        """
        try:
            answer = await tools.isolated(program, (self.component.name, *self.component.version_arguments))
        except ImageError:
            return None
        return self.found_in(answer.decode(errors="replace"))

    def found_in(self, answer: str) -> str | None:
        """Return the version in what the program printed, if it is another one; else None."""
        match = re.search(self.component.version_pattern, answer, re.MULTILINE)
        if match is None:
            return None
        found, declared = match[1].removeprefix("v"), self.version.removeprefix("v")
        # Distributions add their own number to that of a container runtime.
        same = found == declared or (not self.is_crucial and re.split("[-~+]", found)[0] == declared)
        return None if same else match[1]

    def problem(self, found: str) -> str:
        """Return what is wrong when the program is of another version."""
        return f"the label {self.label} says {self.version}, and {self.component.path} is {found}"


DeclaredBy = Callable[[Mapping[str, str], Platform], tuple[Declared, ...]]
"""Returns the programs whose versions labels declare."""


def declared_by(plugins: Plugins) -> DeclaredBy:
    """Return what tells the programs that labels declare, with the words of all plugins."""
    return lambda labels, platform: declared_programs(labels, platform, plugins)


def declared_nothing(labels: Mapping[str, str], platform: Platform) -> tuple[Declared, ...]:
    """Return no program, whatever the labels say."""
    return ()


def declared_programs(
    labels: Mapping[str, str], platform: Platform, plugins: Plugins
) -> tuple[Declared, ...]:
    """Return the programs that can be asked for a version which these labels declare.

    What no plugin knows for sure is left out: nobody has to have a recipe to run an image.

    Args:
        labels: Of a cluster image.
        platform: Of the image.
        plugins: The recipes and container runtimes, which know their programs.
    """
    found: list[Declared] = []
    version = labels.get(RUNTIME_VERSION_LABEL)
    if version:
        with suppress(ImageError, PluginError):
            components = plugins.base_recipe(labels.get(RUNTIME_TYPE_LABEL, "")).components(platform)
            found += (
                Declared(component=component, label=RUNTIME_VERSION_LABEL, version=version)
                for component in components
                if component.carries_version and component.version_arguments
            )
    version = labels.get(CONTAINER_RUNTIME_VERSION_LABEL)
    if version:
        with suppress(ImageError, PluginError):
            runtime = plugins.container_runtime(labels.get(CONTAINER_RUNTIME_TYPE_LABEL, ""))
            components = runtime.base_components(platform) if isinstance(runtime, SupportsBaseImages) else ()
            found += (
                Declared(component=component, label=CONTAINER_RUNTIME_VERSION_LABEL, version=version)
                for component in components
                # The daemon of docker is dockerd.
                if component.version_arguments and component.name in {runtime.name, f"{runtime.name}d"}
            )
    return tuple(found)


def verification(declared: Declared, root: str) -> Command:
    """Return the change that fails on a host when a program of the image is of another version there.

    Args:
        declared: The program.
        root: Where the image's files are on the host.
    """
    component, version = declared.component, declared.version
    program = quote(f"{root}/{component.path}")
    words = " ".join(quote(word) for word in component.version_arguments)
    plain = quote(version.removeprefix("v"))
    # The version stands among others words; a shell has no patterns for it as Python has.
    same = f"{program} {words} 2>&1 | tr -cs 'A-Za-z0-9.+_~-' '\\n' | sed 's/^v//' | grep -Fxq -e {plain}"
    problem = f"the label {declared.label} of the image says {version}, and {component.path} says:"
    return Command(
        title=f"{component.path} is {version}",
        unless=f"[ ! -e {program} ] || {same}",
        run=f"echo {quote(problem)} >&2\n{program} {words} >&2\nexit 1",
        repeatable=True,
    )
