"""Every built-in plugin keeps the contracts that strangers' plugins are held to; a new folder is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealer.model import RUNTIME_VERSION_LABEL, ImageMetadata
from sealer.plugins import Kind
from sealer.providers import AppType, SupportsBaseImages, ToolRunner
from sealer.testing.conformance import (
    AppSample,
    AppTypeContract,
    BaseImagesContract,
    BaseRecipeContract,
    ClusterRuntimeContract,
    ContainerRuntimeContract,
    HostChecksContract,
    ImagePolicyContract,
    RecipeSample,
    RegistryContract,
    TaskSample,
    TaskTypeContract,
    VocabularyContract,
)
from sealer.testing.examples import example_image
from tests.plugins.installed import PLUGINS, Found, found


def each(kind: Kind, *, by_scripts: bool = False) -> Any:
    """Make the fixture ``built_in`` stand for each provider of a kind, or those that run scripts, in turn."""
    chosen = [one for one in found(kind) if not by_scripts or scripts_of(one)]

    @pytest.fixture(name="built_in", params=chosen, ids=lambda one: str(one.provider.name))
    def built_in(self: object, request: pytest.FixtureRequest) -> Found:
        return request.param  # type: ignore[no-any-return]  # one of the parameters

    return built_in


def scripts_of(one: Found) -> dict[str, str]:
    """Return scripts of images that a provider runs, as files of an image."""
    return {path: "true\n" for path in one.provider.image_files if path.startswith("scripts/")}


class TestClusterRuntimes(ClusterRuntimeContract):
    built_in = each(Kind.CLUSTER_RUNTIME)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider

    @pytest.fixture
    def image(self, built_in: Found) -> ImageMetadata:
        return built_in.samples.IMAGE  # type: ignore[no-any-return]  # checked where it is written

    @pytest.fixture
    def previous_image(self, built_in: Found, image: ImageMetadata) -> ImageMetadata:
        """Return the image of before, of those that can upgrade."""
        labels = {RUNTIME_VERSION_LABEL: getattr(built_in.samples, "PREVIOUS_VERSION", "")}
        return replace(image, labels={**image.labels, **labels})


class TestContainerRuntimes(ContainerRuntimeContract):
    built_in = each(Kind.CONTAINER_RUNTIME)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider


class TestRegistries(RegistryContract):
    built_in = each(Kind.REGISTRY)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider


class TestClusterRuntimesByScripts(TestClusterRuntimes):
    built_in = each(Kind.CLUSTER_RUNTIME, by_scripts=True)

    @pytest.fixture
    def image(self, built_in: Found) -> ImageMetadata:
        own: ImageMetadata = built_in.samples.IMAGE
        return replace(own, files={**own.files, **scripts_of(built_in)})


class TestContainerRuntimesByScripts(TestContainerRuntimes):
    built_in = each(Kind.CONTAINER_RUNTIME, by_scripts=True)

    @pytest.fixture
    def image(self, built_in: Found) -> ImageMetadata:
        return example_image(files=scripts_of(built_in))


class TestRegistriesByScripts(TestRegistries):
    built_in = each(Kind.REGISTRY, by_scripts=True)

    @pytest.fixture
    def image(self, built_in: Found) -> ImageMetadata:
        return example_image(files=scripts_of(built_in))


class TestAppTypes(AppTypeContract):
    built_in = each(Kind.APP_TYPE)
    repeatable = (
        # What a script does, and whether it bears being run again, is its author's.
        "run * of *",
    )

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider

    @pytest.fixture
    def samples(self, built_in: Found) -> Sequence[AppSample]:
        own = f"{built_in.provider.name.upper()}_SAMPLES"
        found: Sequence[AppSample] = getattr(built_in.samples, own, built_in.samples.SAMPLES)
        return found

    @pytest.fixture
    def run(
        self,
        provider: AppType,
        built_in: Found,
        monkeypatch: pytest.MonkeyPatch,
        request: pytest.FixtureRequest,
    ) -> ToolRunner:
        """Return core's runner, with the programs that the samples need on PATH."""
        if any(shutil.which(tool) is None for tool in getattr(built_in.samples, "TOOLS", ())):
            artifacts: Path = request.getfixturevalue("artifacts")
            monkeypatch.setenv("PATH", f"{artifacts / 'bin'}{os.pathsep}{os.environ['PATH']}")
        from sealer.build.tools import run_tool

        return run_tool


class TestBaseRecipes(BaseRecipeContract):
    built_in = each(Kind.BASE_RECIPE)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider

    @pytest.fixture
    def samples(self, built_in: Found) -> Sequence[RecipeSample]:
        return built_in.samples.RELEASES  # type: ignore[no-any-return]  # checked where it is written


class TestBaseImages(BaseImagesContract):
    @pytest.fixture(
        name="built_in",
        params=[one for kind in Kind for one in found(kind) if isinstance(one.provider, SupportsBaseImages)],
        ids=lambda one: str(one.provider.name),
    )
    def built_in(self, request: pytest.FixtureRequest) -> Found:
        return request.param  # type: ignore[no-any-return]  # one of the parameters

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider


class TestTaskTypes(TaskTypeContract):
    built_in = each(Kind.TASK_TYPE)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider

    @pytest.fixture
    def samples(self, built_in: Found) -> Sequence[TaskSample]:
        name = f"{built_in.provider.name.upper()}_SAMPLES"
        return getattr(built_in.samples, name)  # type: ignore[no-any-return]  # checked where it is written


if found(Kind.HOST_CHECKS):

    class TestHostChecks(HostChecksContract):
        built_in = each(Kind.HOST_CHECKS)

        @pytest.fixture
        def provider(self, built_in: Found) -> Any:
            return built_in.provider


class TestImagePolicies(ImagePolicyContract):
    built_in = each(Kind.IMAGE_POLICY)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider


class TestVocabularies(VocabularyContract):
    built_in = each(Kind.VOCABULARY)

    @pytest.fixture
    def provider(self, built_in: Found) -> Any:
        return built_in.provider


def test_every_plugin_folder_is_found() -> None:
    folders = {one.folder for kind in Kind for one in found(kind)}
    assert folders == {file.parent.name for file in PLUGINS.glob("*/pyproject.toml")}
