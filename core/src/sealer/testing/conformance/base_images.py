"""The contract of what brings files to base images, beside being something else."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from sealer.errors import ImageError
from sealer.model import CONTAINER_RUNTIME_TYPE_LABEL, CONTAINER_RUNTIME_VERSION_LABEL, Platform
from sealer.providers import ContainerRuntime, Provider, SupportsBaseImages
from sealer.testing.conformance.base import Contract
from sealer.testing.conformance.releases import (
    require_places,
    require_readable_versions,
    require_sources,
    require_verified,
)
from sealer.testing.examples import AMD64
from sealer.testing.purity import pure


class BaseImagesContract(Contract):
    """What is a ``SupportsBaseImages``: a container runtime, a registry, an application type.

    Attributes:
        kubernetes: Versions of Kubernetes that it goes with, the oldest and the newest among them.
        platforms: Platforms that upstream has it for.
    """

    kubernetes: ClassVar[tuple[str, ...]] = ("v1.20.2", "v1.33.1", "v1.36.0")
    platforms: ClassVar[tuple[Platform, ...]] = (AMD64, Platform(architecture="arm64"))

    @pytest.fixture
    def provider(self) -> Any:
        """Return what is to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns what brings the files")

    def test_components_have_places_and_sources(self, provider: SupportsBaseImages) -> None:
        """Each at a path of its own below the rootfs, out of one download, for every version and platform."""
        for platform in self.platforms:
            components = provider.base_components(platform)
            require_places(components)
            require_readable_versions(components)
            assert not any(part.carries_version for part in components), "that is the distribution's"
            for kubernetes in self.kubernetes:
                require_sources(components, provider.base_downloads(kubernetes, platform))

    def test_downloads_are_verified(self, provider: SupportsBaseImages) -> None:
        """Over https, against a digest or the address of one, each from one address."""
        for platform in self.platforms:
            for kubernetes in self.kubernetes:
                require_verified(provider.base_downloads(kubernetes, platform))

    def test_an_unknown_platform_is_refused(self, provider: SupportsBaseImages) -> None:
        """With an ``ImageError``, before anything is downloaded."""
        platform = Platform(os="plan9", architecture="m68k")
        with pytest.raises(ImageError):
            provider.base_components(platform)
        with pytest.raises(ImageError):
            provider.base_downloads(self.kubernetes[0], platform)

    def test_labels_say_what_the_image_brings(self, provider: Any) -> None:
        """Nothing empty; of a container runtime its own name, by which it is found again, and its version."""
        asked = [part for part in provider.base_components(AMD64) if part.version_pattern]
        for kubernetes in self.kubernetes:
            labels = provider.base_labels(kubernetes, {part.name: "1.2.3" for part in asked})
            assert all(key.strip() and value.strip() for key, value in labels.items())
            if isinstance(provider, ContainerRuntime):
                assert labels[CONTAINER_RUNTIME_TYPE_LABEL] == provider.name
                assert labels[CONTAINER_RUNTIME_VERSION_LABEL] == "1.2.3"

    def test_it_only_declares(self, provider: SupportsBaseImages) -> None:
        """It reads no file, opens no connection and starts nothing; core does that."""
        assert isinstance(provider, Provider)
        self._ask(provider)  # imports the modules
        with pure():
            self._ask(provider)

    def _ask(self, provider: SupportsBaseImages) -> None:
        for platform in self.platforms:
            provider.base_components(platform)
            provider.base_downloads(self.kubernetes[0], platform)
