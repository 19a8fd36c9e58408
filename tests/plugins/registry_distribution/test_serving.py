"""A real registry with the configuration and the credentials that the plugin writes."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from sealer_registry_distribution.config import config_yml
from sealer_registry_distribution.credentials import issue_credentials
from sealer_registry_distribution.fragments import write_credentials
from tests.packed import packed


@dataclass(frozen=True)
class Running:
    """The address of a registry that runs, the CA it is trusted by, and its Basic credentials."""

    url: str
    authority: Path
    basic: str
    store: Path

    def get(self, authorization: str | None = None, path: str = "") -> int:
        context = ssl.create_default_context(cafile=str(self.authority))
        headers = {} if authorization is None else {"Authorization": authorization}
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.get(f"{self.url}/v2/{path}", headers=headers).status_code


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    program = shutil.which("docker-registry")
    assert program, "install docker-registry to run these tests"
    directory = tmp_path_factory.mktemp("serving") / "registry"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    credentials = issue_credentials(
        username="sealer", domains=("localhost",), addresses=("127.0.0.1",), now=datetime.now(UTC)
    )
    subprocess.run(["sh", "-es"], input=write_credentials(str(directory), credentials).encode(), check=True)
    config = directory / "config.yml"
    store = str(directory.parent / "store")
    text = config_yml(
        store=store, directory=str(directory), address="127.0.0.1", port=port, domain="localhost"
    )
    config.write_text(text)
    with subprocess.Popen([program, "serve", str(config)], stderr=subprocess.DEVNULL) as process:
        wait_for(port, process)
        yield Running(f"https://localhost:{port}", directory / "ca.crt", credentials.basic, Path(store))
        process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as the port is listened on; it is an error that the process ended."""
    for _ in range(200):
        assert process.poll() is None, "the registry refuses its configuration"
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the registry does not listen")


def test_it_answers_those_who_have_the_credentials(registry: Running) -> None:
    assert registry.get(f"Basic {registry.basic}") == 200


@pytest.mark.parametrize("authorization", [None, "Basic c2VhbGVyOndyb25n"])
def test_it_refuses_everybody_else(registry: Running, authorization: str | None) -> None:
    assert registry.get(authorization) == 401


def test_clients_without_its_authority_turn_away(registry: Running) -> None:
    with (
        httpx.Client(verify=ssl.create_default_context(), trust_env=False) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get(f"{registry.url}/v2/")


def test_what_was_pruned_beside_it_is_no_longer_there_for_it(registry: Running) -> None:
    files = packed("a.example/app:1")
    for path, data in files.items():
        file = registry.store / path.removeprefix("registry/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    digests = [path.split("/")[-2] for path in files if "/blobs/" in path]

    def found() -> set[int]:
        basic = f"Basic {registry.basic}"
        return {registry.get(basic, f"a.example/app/blobs/sha256:{digest}") for digest in digests}

    assert found() == {200}
    shutil.rmtree(registry.store / "docker")
    assert found() == {404}
