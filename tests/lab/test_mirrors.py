"""The real containerd pulls an image by its own name from the registry that the plugin sets up."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealer.model import RegistryCache, fill
from sealer.testing.registry import RegistryServer
from sealer_container_containerd.config import hosts_toml
from sealer_registry_distribution.cache_config import caching_config_yml
from sealer_registry_distribution.config import config_yml, document
from sealer_registry_distribution.credentials import Credentials, issue_credentials
from sealer_registry_distribution.fragments import write_credentials
from tests.plugins.kit import REGISTRY
from tests.plugins.registry_distribution.upstream_image import push_image

pytestmark = pytest.mark.kubernetes

DOMAIN = "registry.invalid"
"""A domain that nothing outside of the test answers for."""
IMAGE = f"{DOMAIN}/library/busybox:1.35"


@dataclass(frozen=True)
class Site:
    """A registry with one image, its cache of another, and a containerd that knows both by mirrors."""

    directory: Path
    port: int
    cache: RegistryCache
    upstream: RegistryServer
    credentials: Credentials
    ctr: tuple[str, ...]

    def mirror(self, basic: str) -> Path:
        """Write the mirrors with these credentials, and return their directory."""
        registry = dataclasses.replace(REGISTRY, domain="localhost", port=self.port, caches=(self.cache,))
        text = hosts_toml(DOMAIN, registry, f"{self.directory}/registry/ca.crt")
        mirrors = self.directory / "certs.d"
        path = mirrors / DOMAIN / "hosts.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fill(text, {("registry", "credentials"): basic}))
        return mirrors

    def fetch(self, basic: str, image: str) -> subprocess.CompletedProcess[str]:
        mirrors = str(self.mirror(basic))
        words = [*self.ctr, "content", "fetch", "--hosts-dir", mirrors, image]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)

    def forget(self, image: str) -> None:
        """Remove an image and all that was fetched."""
        subprocess.run([*self.ctr, "images", "rm", image], check=True, capture_output=True)
        kept = subprocess.run([*self.ctr, "content", "ls", "-q"], check=True, capture_output=True, text=True)
        subprocess.run([*self.ctr, "content", "rm", *kept.stdout.split()], check=True, capture_output=True)


@pytest.fixture(scope="module")
def site(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    port, cache_port = free_ports(2)
    credentials = issue_credentials(
        username="sealer", domains=("localhost",), addresses=("127.0.0.1",), now=datetime.now(UTC)
    )
    ours = directory / "registry"
    subprocess.run(["sh", "-es"], input=write_credentials(str(ours), credentials).encode(), check=True)
    config = config_yml(
        store=f"{directory}/store",
        directory=str(ours),
        address="127.0.0.1",
        port=port,
        domain="localhost",
    )
    (ours / "config.yml").write_text(config)
    upstream = RegistryServer(directory / "upstream")
    address = f"{directory}/containerd.sock"
    (directory / "config.toml").write_text(
        f'version = 2\nroot = "{directory}/root"\nstate = "{directory}/state"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
        f'[grpc]\naddress = "{address}"\n'
    )
    bin_directory = artifacts / "bin"
    with (
        upstream,
        subprocess.Popen(
            [bin_directory / "registry", "serve", ours / "config.yml"], stderr=subprocess.DEVNULL
        ) as registry,
        subprocess.Popen(
            [bin_directory / "containerd", "--config", directory / "config.toml"], stderr=subprocess.DEVNULL
        ) as containerd,
    ):
        ctr = (str(bin_directory / "ctr"), "--address", address)
        try:
            until(lambda: connects(port), registry)
            push_image(upstream, "team/app", "1")
            until(
                lambda: subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode == 0,
                containerd,
            )
            push(artifacts, ours, port, credentials)
            with caching(bin_directory / "registry", ours, cache_port, upstream):
                cache = RegistryCache(
                    upstream=DOMAIN, domain="localhost", port=cache_port, addresses=("127.0.0.1",)
                )
                yield Site(
                    directory=directory,
                    port=port,
                    cache=cache,
                    upstream=upstream,
                    credentials=credentials,
                    ctr=ctr,
                )
        finally:
            containerd.terminate()
            registry.terminate()


@contextmanager
def caching(program: Path, credentials: Path, port: int, upstream: RegistryServer) -> Iterator[None]:
    """Run a cache of a registry, which has to be there."""
    serving = document(
        store=f"{credentials}/cached",
        directory=str(credentials),
        address="127.0.0.1",
        port=port,
        domain="localhost",
    )
    config = credentials / "cache.yml"
    config.write_text(caching_config_yml(serving, url=upstream.url, username=""))
    with subprocess.Popen([program, "serve", config], stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: connects(port), process)
            yield
        finally:
            process.terminate()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Return as soon as something holds; it is an error that the process ended."""
    for _ in range(600):
        assert process.poll() is None, f"{process.args!r} ended"
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not answer")


def connects(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def succeeds(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def push(artifacts: Path, certificates: Path, port: int, credentials: Credentials) -> None:
    """Put the image where the builder puts it: below its domain."""
    trust = certificates.parent / "trust"
    trust.mkdir()
    (trust / "ca.crt").write_text(credentials.authority)
    login = trust / "auth.json"
    login.write_text(json.dumps({"auths": {f"localhost:{port}": {"auth": credentials.basic}}}))
    words = ["skopeo", "copy", "-q", "--dest-cert-dir", str(trust), "--dest-authfile", str(login)]
    source = f"docker-archive:{artifacts}/images/busybox.tar"
    subprocess.run([*words, source, f"docker://localhost:{port}/{IMAGE}"], check=True)


def test_an_image_comes_by_its_own_name(site: Site) -> None:
    done = site.fetch(site.credentials.basic, IMAGE)
    assert done.returncode == 0, done.stderr


def test_wrong_credentials_do_not_open_the_registry(site: Site) -> None:
    assert site.fetch("c2VhbGVyOndyb25n", IMAGE).returncode != 0


def test_what_the_registry_lacks_is_asked_of_the_domain_itself(site: Site) -> None:
    done = site.fetch(site.credentials.basic, f"{DOMAIN}/library/missing:1")
    assert done.returncode != 0
    assert f"https://{DOMAIN}/v2/library/missing/" in done.stderr


def test_what_the_registry_lacks_comes_by_its_cache_and_once(site: Site) -> None:
    image = f"{DOMAIN}/team/app:1"
    done = site.fetch(site.credentials.basic, image)
    assert done.returncode == 0, done.stderr
    asked = [request for request in site.upstream.requests() if request.startswith("GET /v2/team/app/")]
    assert [request for request in asked if "/blobs/" in request]
    site.forget(image)
    site.upstream.stop()
    done = site.fetch(site.credentials.basic, image)
    assert done.returncode == 0, done.stderr
