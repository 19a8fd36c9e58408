"""A recipe, and those whose files come to its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from sealer import hookimpl
from sealer.build.base_parts import Blueprint, make_blueprint
from sealer.errors import ImageError, PluginError, UsageError
from sealer.model import Platform
from sealer.plugins import Plugins
from sealer.providers import BaseRecipe, Component, ContainerRuntime, Download, SupportsBaseImages
from sealer.testing.stand_ins import Box, Note, Shelf
from tests.core.build_base.material import AMD64, ToyRecipe


class Crate(Box, SupportsBaseImages):
    """A container runtime that brings one file, and says which Kubernetes it was asked for."""

    name = "crate"

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return (Component(name="crate", path="bin/crate"), Component(name="shared", path="bin/shared"))

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        url = f"https://crate.example.com/{kubernetes}/{platform.architecture}"
        members = {"crate": "crate"}
        return (Download(url=url, checksum=f"{url}.sum", version="3", members=members), SHARED)

    def base_labels(self, kubernetes: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {"crate": kubernetes, "toy": "of the crate"}


SHARED = Download(
    url="https://shared.example.com/1", checksum=f"sha256:{'0' * 64}", version="1", component="shared"
)


class StockedShelf(Shelf, SupportsBaseImages):
    """A registry that needs what the container runtime needs too."""

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return (Component(name="shared", path="bin/shared"),)

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        return (SHARED,)


class Boxed(ToyRecipe):
    """A distribution that wants all there is."""

    container_runtime: ClassVar[str] = "crate"
    registry: ClassVar[bool] = True
    app_types: ClassVar[tuple[str, ...]] = ("note", "unknown")


class Shop:
    @hookimpl
    def sealer_container_runtimes(self) -> tuple[ContainerRuntime, ...]:
        return (Crate(), Box())

    @hookimpl
    def sealer_registries(self) -> tuple[Shelf, ...]:
        return (StockedShelf(),)

    @hookimpl
    def sealer_app_types(self) -> tuple[Note, ...]:
        return (Note(),)


PLUGINS = Plugins.of(Shop())


def test_a_recipe_alone_brings_its_own() -> None:
    blueprint = make_blueprint(ToyRecipe(), Plugins.of())
    assert blueprint == Blueprint(recipe=blueprint.recipe)
    assert blueprint.components(AMD64) == ToyRecipe().components(AMD64)


def test_what_a_recipe_wants_comes_to_its_own_and_what_several_want_comes_once() -> None:
    blueprint = make_blueprint(Boxed(), PLUGINS)
    names = [component.name for component in blueprint.components(AMD64)]
    assert names == ["toyd", "toyctl", "runner", "extra", "crate", "shared"]
    downloads = blueprint.downloads("v1.2.3+toy.1", AMD64)
    assert len(downloads) == len({download.url for download in downloads}) == 5


def test_parts_are_told_the_version_of_kubernetes_and_the_recipes_own_labels_count() -> None:
    blueprint = make_blueprint(Boxed(), PLUGINS)
    urls = [download.url for download in blueprint.downloads("v1.2.3+toy.1", AMD64)]
    assert "https://crate.example.com/v1.2.3/amd64" in urls
    assert blueprint.labels("v1.2.3+toy.1", {"runner": "7"}) == {
        "crate": "v1.2.3",
        "toy": "v1.2.3+toy.1",
        "runner": "7",
    }


def test_another_container_runtime_takes_the_place_of_the_recipes() -> None:
    with pytest.raises(PluginError, match="'box' does not say which files it needs"):
        make_blueprint(Boxed(), PLUGINS, container_runtime="box")
    with pytest.raises(PluginError, match="no plugin provides the container runtime 'barrel'"):
        make_blueprint(Boxed(), PLUGINS, container_runtime="barrel")


def test_a_distribution_with_a_container_runtime_inside_gets_no_other() -> None:
    with pytest.raises(UsageError, match="toy has a container runtime inside"):
        make_blueprint(ToyRecipe(), PLUGINS, container_runtime="crate")


@pytest.mark.parametrize(
    "clash", [Component(name="runner", path="bin/other"), Component(name="other", path="bin/runner")]
)
def test_two_components_of_one_name_or_place_are_refused(clash: Component) -> None:
    class Clashing(Crate):
        def base_components(self, platform: Platform) -> tuple[Component, ...]:
            return (clash,)

    with pytest.raises(ImageError, match="is declared twice, and differently"):
        Blueprint(recipe=Boxed(), parts=(Clashing(),)).components(AMD64)


def test_one_component_does_not_come_from_two_places() -> None:
    class Clashing(Crate):
        def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
            url = "https://crate.example.com/runner"
            return (Download(url=url, checksum=url, version="3", component="runner"),)

    with pytest.raises(ImageError, match="runner of the base image is declared twice"):
        Blueprint(recipe=Boxed(), parts=(Clashing(),)).downloads("v1.2.3", AMD64)


def test_a_registry_has_to_be_there() -> None:
    class Bare(BaseRecipe):
        registry: ClassVar[bool] = True

    recipe: type[BaseRecipe] = type("Recipe", (Bare, ToyRecipe), {})
    with pytest.raises(PluginError, match="no plugin provides a registry"):
        make_blueprint(recipe(), Plugins.of())
