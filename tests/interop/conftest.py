"""Real registries, stores on both sides of them, and the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.testing.registry import RegistryServer

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """A registry that speaks plain HTTP and lets everybody in."""
    with RegistryServer(tmp_path / "registry") as server:
        yield server


@pytest.fixture
def private_registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """A registry with TLS and a user."""
    with RegistryServer(tmp_path / "private", tls=True, users={"ann": "s3cret word"}) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "home")


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "other")


@pytest.fixture
def sealer(store: ImageStore) -> Command:
    """Run the command line in a process of its own, on ``store`` unless it is given another home."""

    def run(
        *words: str, home: Path = store.home, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SEALER_HOME": str(home),
            **variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "sealer", *words],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )

    return run


def trust(home: Path, server: RegistryServer) -> None:
    """Put the registry's authority where Sealer looks for it."""
    directory = home / "certs.d" / server.address
    directory.mkdir(parents=True)
    shutil.copy(server.authority, directory / "ca.crt")


def content(store: ImageStore) -> dict[str, bytes]:
    """Return all blobs of a store."""
    return {path.name: path.read_bytes() for path in store.layout.blobs.iterdir()}


def transferred(server: RegistryServer, method: str) -> set[str]:
    """Return the digests of the blobs that were asked for with GET."""
    return {
        request.split()[1].rpartition("/")[2]
        for request in server.requests()
        if request.startswith(f"{method} ") and "/blobs/sha256:" in request
    }
