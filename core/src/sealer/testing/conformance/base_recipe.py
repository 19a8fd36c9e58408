"""The contract of base recipes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealer.errors import ImageError
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, Platform
from sealer.providers import BaseRecipe, Component, Download, FileQuery, ProgramQuery
from sealer.testing.conformance.base import Contract
from sealer.testing.conformance.releases import (
    brought,
    is_inside,
    require_places,
    require_readable_versions,
    require_sources,
    require_verified,
)
from sealer.testing.examples import AMD64
from sealer.testing.purity import pure

_IMAGE = re.compile(r"[^\s/]+\.[^\s/]+/\S+(?::[\w.-]+|@sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSample:
    """A release that the recipe can build.

    Attributes:
        version: As users write it.
        platform: A platform that the release has.
        answer: What the program of ``image_query`` prints, or "" when none is asked.
    """

    version: str
    platform: Platform = AMD64
    answer: str = ""


class BaseRecipeContract(Contract):
    """What ``sealer_base_recipes`` provides."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the recipe to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the recipe")

    @pytest.fixture
    def samples(self) -> Sequence[RecipeSample]:
        """Return releases that it can build: the oldest and the newest known, for each platform."""
        raise NotImplementedError("override the fixture 'samples': it returns some RecipeSample")

    def test_versions_have_one_form(self, provider: BaseRecipe, samples: Sequence[RecipeSample]) -> None:
        """However it was written; the canonical form stands for itself."""
        assert samples
        for sample in samples:
            canonical = provider.canonical_version(sample.version)
            assert provider.canonical_version(canonical) == canonical
            assert provider.canonical_version(f" {sample.version} ") == canonical

    def test_what_is_no_version_is_refused(self, provider: BaseRecipe) -> None:
        """With an ``ImageError`` and a hint; a version never holds what a path or an address would mind."""
        for text in ("", "nonsense", "1.2.3/../..", "v1 --help", "1.2.3?x=y", "-1"):
            with pytest.raises(ImageError):
                provider.canonical_version(text)

        @settings(max_examples=100, deadline=None, database=None)
        @given(st.text(max_size=12))
        def check(text: str) -> None:
            try:
                canonical = provider.canonical_version(text)
            except ImageError:
                return
            assert not set(canonical) & set("/\\ ?#%&\n"), f"{canonical!r} is no version"

        check()

    def test_components_have_places_of_their_own(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """Below the rootfs, each at another path, by another name."""
        for sample in samples:
            require_places(provider.components(sample.platform))

    def test_versions_of_programs_can_be_read(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """A program that is asked has a pattern with one group, and one at least is asked for the version."""
        for sample in samples:
            components = provider.components(sample.platform)
            require_readable_versions(components)
            assert any(part.carries_version for part in components)

    def test_every_component_has_one_download(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """Or is optional; and no download brings what nobody knows."""
        for sample in samples:
            require_sources(provider.components(sample.platform), _downloads(provider, sample))

    def test_downloads_are_verified(self, provider: BaseRecipe, samples: Sequence[RecipeSample]) -> None:
        """Over https, against a digest or the address of one, each from one address."""
        for sample in samples:
            require_verified(_downloads(provider, sample))

    def test_components_of_the_distribution_have_its_version(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """What ``carries_version`` comes from a download of just this version."""
        for sample in samples:
            version = provider.canonical_version(sample.version)
            carrying = {part.name for part in provider.components(sample.platform) if part.carries_version}
            for download in _downloads(provider, sample):
                if carrying & set(brought(download)):
                    assert download.version == version, download.url

    def test_an_unknown_platform_is_refused(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """With an ``ImageError``, before anything is downloaded."""
        platform = Platform(os="plan9", architecture="m68k")
        with pytest.raises(ImageError):
            provider.components(platform)
        with pytest.raises(ImageError):
            provider.downloads(provider.canonical_version(samples[0].version), platform)

    def test_container_images_are_named_in_full(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """With registry and tag or digest, as they were read from the answer."""
        for sample in samples:
            version = provider.canonical_version(sample.version)
            names = provider.container_images(version, sample.platform, sample.answer)
            assert len(set(names)) == len(names)
            assert [name for name in names if not _IMAGE.fullmatch(name)] == []

    def test_what_is_asked_is_a_component(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """A program that is run, or a text file that is read.

        The answer is read with care: nonsense is an ``ImageError`` and nothing else.
        """
        for sample in samples:
            version = provider.canonical_version(sample.version)
            query = provider.image_query(version)
            if query is None:
                continue
            asked = [part for part in provider.components(sample.platform) if part.name == query.component]
            assert [part.executable for part in asked] == [isinstance(query, ProgramQuery)]
            assert isinstance(query, FileQuery) or query.arguments
            _require_careful_reading(provider, version, sample.platform)

    def test_labels_say_what_the_image_brings(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """The runtime by the recipe's own name, its version, and nothing empty."""
        for sample in samples:
            version = provider.canonical_version(sample.version)
            asked: list[Component] = [
                part for part in provider.components(sample.platform) if part.version_pattern
            ]
            labels = provider.labels(version, {part.name: "1.2.3" for part in asked})
            assert labels[RUNTIME_TYPE_LABEL] == provider.name
            assert labels[RUNTIME_VERSION_LABEL] == version
            assert all(key.strip() and value.strip() for key, value in labels.items())

    def test_further_files_are_inside_the_rootfs(
        self, provider: BaseRecipe, samples: Sequence[RecipeSample]
    ) -> None:
        """And none is in the place of a component."""
        for sample in samples:
            files = provider.files(provider.canonical_version(sample.version), sample.platform)
            assert all(is_inside(path) for path in files)
            assert not set(files) & {part.path for part in provider.components(sample.platform)}

    def test_a_recipe_only_declares(self, provider: BaseRecipe, samples: Sequence[RecipeSample]) -> None:
        """It reads no file, opens no connection and starts nothing; core does that."""
        for sample in samples:
            _ask_everything(provider, sample)
            with pure():
                _ask_everything(provider, sample)


def _ask_everything(provider: BaseRecipe, sample: RecipeSample) -> None:
    version = provider.canonical_version(sample.version)
    tuple(provider.components(sample.platform))
    tuple(provider.downloads(version, sample.platform))
    provider.image_query(version)
    tuple(provider.container_images(version, sample.platform, sample.answer))
    dict(provider.files(version, sample.platform))


def _require_careful_reading(provider: BaseRecipe, version: str, platform: Platform) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(st.text(max_size=40))
    def check(answer: str) -> None:
        try:
            names = provider.container_images(version, platform, answer)
        except ImageError:
            return
        assert all(name and not set(name) & set(" \t\r\n") for name in names)

    check()


def _downloads(provider: BaseRecipe, sample: RecipeSample) -> tuple[Download, ...]:
    return provider.downloads(provider.canonical_version(sample.version), sample.platform)
