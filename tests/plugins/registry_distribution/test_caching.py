"""The real registry as a cache, with the files that the plugin writes, in front of another real registry."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml

from sealer.changes import Command, File, quote
from sealer.model import MASTER, RegistrySettings, Upstream
from sealer.testing.registry import RegistryServer
from sealer_registry_distribution import cache_fragments
from sealer_registry_distribution.caches import Instance, cache_changes, instances
from sealer_registry_distribution.config import PROGRAM
from sealer_registry_distribution.credentials import issue_credentials
from sealer_registry_distribution.fragments import write_credentials
from tests.plugins.kit import SHELLS, cluster, host
from tests.plugins.registry_distribution.test_serving import wait_for
from tests.plugins.registry_distribution.upstream_image import MANIFEST_TYPE, push_image


@dataclass(frozen=True)
class Site:
    """A cache on a free port of loopback, and the files that it would have on a master."""

    instance: Instance
    credentials: Path
    basic: str

    @property
    def url(self) -> str:
        return f"https://localhost:{self.instance.port}/v2"

    @contextmanager
    def serving(self, **environment: str) -> Iterator[None]:
        """Run what its unit runs."""
        place = Path(self.instance.directory)
        environment = {"PATH": "/usr/bin:/bin", "REGISTRY_HTTP_SECRET": "x", **environment}
        if (place / "authorities.crt").exists():
            environment["SSL_CERT_FILE"] = str(place / "authorities.crt")
        with subprocess.Popen(
            ["/bin/sh", str(place / "serve.sh")],
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                wait_for(self.instance.port, process)
                yield
            finally:
                subprocess.run(["kill", "--", f"-{process.pid}"], check=True)
                process.wait()
                until(lambda: not connects(self.instance.port), "the port is free again")

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.credentials / "ca.crt"))
        headers = {"Authorization": f"Basic {self.basic}", "Accept": MANIFEST_TYPE}
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, headers=headers)


def connects(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def until(holds: Callable[[], bool], what: str) -> None:
    """Return as soon as something holds."""
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(f"not so: {what}")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def make_site(directory: Path, upstream: Upstream) -> Site:
    """Write the files of a cache as its changes say, with the program of this machine."""
    program = shutil.which("docker-registry")
    assert program, "install docker-registry to run these tests"
    credentials = issue_credentials(
        username="sealer", domains=("localhost",), addresses=("127.0.0.1",), now=datetime.now(UTC)
    )
    place = directory / "credentials"
    subprocess.run(["sh", "-es"], input=write_credentials(str(place), credentials).encode(), check=True)
    master = host(1, MASTER, address="127.0.0.1")
    view = replace(
        cluster(master, data_root=str(directory)), registry_settings=RegistrySettings(caches=(upstream,))
    )
    found = instances(view, free_port() - 10)
    for change in cache_changes(view, master, found, credentials=str(place), domain="localhost"):
        if isinstance(change, Command) and change.creates:
            subprocess.run(["sh", "-es"], input=change.run.encode(), check=True)
        elif isinstance(change, File):
            Path(change.path).write_text(change.content.replace(PROGRAM, program))
    return Site(instance=found[0], credentials=place, basic=credentials.basic)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[RegistryServer]:
    with RegistryServer(tmp_path / "upstream", tls=True) as server:
        push_image(server, "team/app", "1")
        yield server


@pytest.fixture
def site(tmp_path: Path, upstream: RegistryServer) -> Site:
    described = Upstream(
        domain="registry.invalid",
        url=upstream.url,
        certificate_authority=upstream.authority.read_text(),
    )
    return make_site(tmp_path / "it's here", described)


def fetch(client: httpx.Client) -> None:
    """Get the image as a container runtime does: by its tag, then what it consists of."""
    found = client.get("/team/app/manifests/1")
    assert found.status_code == 200, found.text
    manifest = found.json()
    for part in (manifest["config"], *manifest["layers"]):
        blob = client.get(f"/team/app/blobs/{part['digest']}")
        assert blob.status_code == 200, blob.text
        assert len(blob.content) == part["size"]


def blobs(upstream: RegistryServer) -> list[str]:
    return [request for request in upstream.requests() if request.startswith("GET") and "/blobs/" in request]


def test_what_one_fetched_nobody_fetches_again(site: Site, upstream: RegistryServer) -> None:
    with site.serving(), site.client() as client:
        fetch(client)
        wait_until_kept(site)
        fetched = blobs(upstream)
        assert fetched
        for _ in range(3):
            fetch(client)
        assert blobs(upstream) == fetched


def wait_until_kept(site: Site) -> None:
    """Return once both blobs and the manifest are in the store: it is filled behind the answer."""
    store = Path(site.instance.directory, "store/docker/registry/v2")
    until(lambda: len(list(store.glob("blobs/sha256/*/*/data"))) == 3, "all blobs are kept")


def test_what_was_fetched_is_served_when_upstream_is_gone_and_when_it_starts_without(
    site: Site, upstream: RegistryServer
) -> None:
    with site.serving(), site.client() as client:
        fetch(client)
        wait_until_kept(site)
        upstream.stop()
        fetch(client)
    with site.serving(), site.client() as client:
        fetch(client)
        assert client.get("/team/other/manifests/1").status_code == 404


def test_nobody_gets_in_without_the_password_and_nobody_can_push(
    site: Site, upstream: RegistryServer
) -> None:
    for gone in (False, True):
        if gone:
            upstream.stop()
        with site.serving(), site.client() as client:
            client.headers.pop("Authorization")
            assert client.get("/team/app/manifests/1").status_code == 401
            client.headers["Authorization"] = f"Basic {site.basic}"
            assert client.post("/team/app/blobs/uploads/").status_code == 405
            assert client.delete("/team/app/manifests/1").status_code in {404, 405}


def test_an_upstream_whose_certificate_nobody_vouches_for_is_not_asked(
    tmp_path: Path, upstream: RegistryServer
) -> None:
    unknown = make_site(tmp_path / "unknown", Upstream(domain="registry.invalid", url=upstream.url))
    with unknown.serving(), unknown.client() as client:
        assert client.get("/team/app/manifests/1").status_code == 404
    assert blobs(upstream) == []


PASSWORDS = (
    "plain",
    "it's 'quoted' \"twice\"",
    "back\\slash $HOME `id` %h",
    "- key: value #1",
    "12345",
    " x ",
)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_of_any_characters_reaches_the_program(
    password: str, shell: tuple[str, ...], tmp_path: Path
) -> None:
    path = str(tmp_path / "the environment")
    variables = {"PATH": "/usr/bin:/bin", "upstream_password_0": password}

    def run(script: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        given = {**variables, **more}
        return subprocess.run(shell, input=script.encode(), env=given, capture_output=True, check=False)

    login = cache_fragments.environment_login("upstream_password_0")
    there = cache_fragments.has_login(path, login)
    assert run(there).returncode != 0
    assert run(cache_fragments.write_login(path, login)).returncode == 0
    assert run(there).returncode == 0
    assert run(there, upstream_password_0=f"{password}2").returncode != 0
    assert Path(path).stat().st_mode & 0o777 == 0o600
    # In double quotes systemd takes the same characters for themselves as a shell does.
    read = run(f". {quote(path)}\nprintf '%s' \"$REGISTRY_PROXY_PASSWORD\"").stdout.decode()
    assert yaml.safe_load(read) == password
