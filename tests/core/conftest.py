"""A store of its own for every test, and the program over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.cli.program import run
from sealer.image.store import ImageStore

from .program import Run


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "home")


@pytest.fixture
def sealer(store: ImageStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("SEALER_HOME", str(store.home))

    def invoke(*words: str) -> tuple[int, str, str]:
        code = run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke
