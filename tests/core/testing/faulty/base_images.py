"""Base recipes, and providers that bring their part of base images, with faults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sealer.errors import ImageError
from sealer.model import CONTAINER_RUNTIME_TYPE_LABEL, RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, Platform
from sealer.providers import BaseRecipe, Component, Download, ProgramQuery, SupportsBaseImages
from sealer.testing.conformance import BaseImagesContract, BaseRecipeContract, RecipeSample
from sealer.testing.stand_ins import Box
from tests.core.testing.faulty.parts import giving


class Toys(BaseRecipe):
    """A sound recipe."""

    name = "toy"
    summary = "toys"

    def canonical_version(self, version: str) -> str:
        found = re.fullmatch(r"v?([0-9]+\.[0-9]+)", version.strip())
        if found is None:
            raise ImageError(f"{version!r} is no version")
        return f"v{found[1]}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        if platform.os != "linux":
            raise ImageError(f"no toys for {platform}")
        toy = Component(
            name="toy",
            path="bin/toy",
            version_arguments=("-v",),
            version_pattern="(.*)",
            carries_version=True,
        )
        return (toy,)

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        self.components(platform)
        url = f"https://toys.example/{version}/toy"
        return (Download(url=url, checksum=f"sha256:{'0' * 64}", version=version, component="toy"),)

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        return (f"r.example/toy:{version}",)

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {RUNTIME_TYPE_LABEL: self.name, RUNTIME_VERSION_LABEL: version}


class ToysContract(BaseRecipeContract):
    samples = giving((RecipeSample(version="1.2"),))


class TestSoundRecipe(ToysContract):
    provider = giving(Toys())


class Sloppy(Toys):
    def canonical_version(self, version: str) -> str:
        return f"w{version}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        toy = Component(name="toy", path="/bin/toy", version_pattern="x", carries_version=True)
        return (toy, Component(name="b", path="b"))

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        url = "http://toys.example"
        other = Download(url=f"{url}/other", checksum="none", version="", component="other")
        return (other, Download(url=f"{url}/toy", checksum="none", version="1", component="toy"))

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        return ("toy",)

    def image_query(self, version: str) -> ProgramQuery:
        return ProgramQuery(component="unknown", arguments=())

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {RUNTIME_TYPE_LABEL: "another", RUNTIME_VERSION_LABEL: version}

    def files(self, version: str, platform: Platform) -> Mapping[str, str]:
        return {"../outside": Path("/etc/hostname").read_text()}


class TestSloppy(ToysContract):
    finds = (
        "test_versions_have_one_form",
        "test_what_is_no_version_is_refused",
        "test_components_have_places_of_their_own",
        "test_versions_of_programs_can_be_read",
        "test_every_component_has_one_download",
        "test_downloads_are_verified",
        "test_an_unknown_platform_is_refused",
        "test_container_images_are_named_in_full",
        "test_what_is_asked_is_a_component",
        "test_components_of_the_distribution_have_its_version",
        "test_labels_say_what_the_image_brings",
        "test_further_files_are_inside_the_rootfs",
        "test_a_recipe_only_declares",
    )
    provider = giving(Sloppy())


class Stock(Toys, SupportsBaseImages):
    """Brings what the recipe has."""

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return tuple(replace(part, carries_version=False) for part in self.components(platform))

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        return self.downloads(kubernetes, platform)


class TestSoundStock(BaseImagesContract):
    provider = giving(Stock())


class SloppyStock(Sloppy, Box, SupportsBaseImages):
    name = "sloppy"

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return self.components(platform)

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        Path("/etc/hostname").read_text()
        return self.downloads(kubernetes, platform)

    def base_labels(self, kubernetes: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {CONTAINER_RUNTIME_TYPE_LABEL: "another"}


class TestSloppyStock(BaseImagesContract):
    finds = (
        "test_components_have_places_and_sources",
        "test_downloads_are_verified",
        "test_an_unknown_platform_is_refused",
        "test_labels_say_what_the_image_brings",
        "test_it_only_declares",
    )
    provider = giving(SloppyStock())
