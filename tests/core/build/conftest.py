"""Contexts and registries for builds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.testing.registry import RegistryServer

from .helpers import Workshop
from .supplier import Supplier


@pytest.fixture
def workshop(store: ImageStore, tmp_path: Path) -> Workshop:
    """An empty build context, and a way to build it."""
    context = tmp_path / "context"
    context.mkdir()
    return Workshop(store=store, context=context)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """A registry that speaks plain HTTP and lets everybody in."""
    with RegistryServer(tmp_path / "registry") as server:
        yield server


@pytest.fixture
def supplier(registry: RegistryServer, tmp_path: Path) -> Supplier:
    """Someone who puts container images into that registry."""
    return Supplier(registry, tmp_path)
