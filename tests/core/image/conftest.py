"""A store of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.image.store import ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "home")
