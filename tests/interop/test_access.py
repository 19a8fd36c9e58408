"""Who may talk to a registry, and whom we trust: seen through the command line, with its exit codes."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .conftest import Command, content, trust

PASSWORD = "s3cret word"


def message(errors: str) -> list[str]:
    """Return what was printed on standard error without progress and retries."""
    return [line for line in errors.splitlines() if line.startswith(("error:", "hint:"))]


@pytest.fixture
def image(store: ImageStore, private_registry: RegistryServer) -> str:
    name = f"{private_registry.address}/team/app:1"
    make_image(store, name)
    return name


def test_an_unknown_authority_is_refused_and_the_hint_says_where_to_put_it(
    sealer: Command, store: ImageStore, private_registry: RegistryServer, image: str
) -> None:
    address = private_registry.address
    place = store.home / "certs.d" / address / "ca.crt"
    for words in (("push", "-q", image), ("pull", "-q", image)):
        done = sealer(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert message(done.stderr) == [
            f"error: {image}: the certificate of {address} is signed by an unknown authority",
            f"hint: put the authority's certificate into {place}, or pass --skip-tls-verify to trust any",
        ]
    place.parent.mkdir(parents=True)
    shutil.copy(private_registry.authority, place)
    done = sealer("push", "-q", image)
    assert "unknown authority" not in done.stderr
    assert "refuses access" in done.stderr


def test_without_login_access_is_refused_with_one_message(
    sealer: Command, store: ImageStore, private_registry: RegistryServer, image: str
) -> None:
    trust(store.home, private_registry)
    address = private_registry.address
    for words in (("push", "-q", image), ("pull", "-q", image)):
        done = sealer(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert message(done.stderr) == [
            f"error: {image}: {address} refuses access",
            f"hint: log in with `sealer login {address}`; the account needs the right to this repository",
        ]


def test_a_login_opens_the_registry_and_a_logout_closes_it(
    sealer: Command, store: ImageStore, other: ImageStore, private_registry: RegistryServer, image: str
) -> None:
    address = private_registry.address
    for home in (store.home, other.home):
        trust(home, private_registry)
        done = sealer("login", "-u", "ann", "--password-stdin", address, home=home, stdin=f"{PASSWORD}\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f"logged in to {address}\n")
    credentials = store.home / "auth.json"
    assert credentials.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(credentials.read_text())["auths"]) == [address]

    digest = store.find(image).digest
    done = sealer("push", "-q", image)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{image}@{digest}\n", "")
    done = sealer("pull", "-q", image, home=other.home)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{image}@{digest}\n", "")
    assert content(other) == content(store)

    assert sealer("logout", address).returncode == 0
    assert "refuses access" in sealer("push", "-q", image).stderr
    done = sealer("logout", address)
    assert (done.returncode, message(done.stderr)) == (1, [f"error: you are not logged in to {address}"])


def test_a_wrong_password_is_refused_and_not_kept(
    sealer: Command, store: ImageStore, private_registry: RegistryServer
) -> None:
    trust(store.home, private_registry)
    address = private_registry.address
    done = sealer("login", "-u", "ann", "--password-stdin", address, stdin="wrong")
    assert done.returncode == 1
    assert message(done.stderr)[0] == f"error: {address} does not accept the user name and password"
    credentials = store.home / "auth.json"
    assert not credentials.exists() or json.loads(credentials.read_text()).get("auths", {}) == {}


def test_skipping_verification_accepts_any_certificate_and_plain_http(
    sealer: Command, private_registry: RegistryServer, registry: RegistryServer, image: str
) -> None:
    login = ("login", "-u", "ann", "--password-stdin", private_registry.address)
    assert sealer(*login, stdin=PASSWORD).returncode == 1
    assert sealer(*login, "--skip-tls-verify", stdin=PASSWORD).returncode == 0
    assert sealer("push", "-q", "--skip-tls-verify", image).returncode == 0
    assert sealer("pull", "-q", "--skip-tls-verify", image).returncode == 0

    plain = f"{registry.address}/app:1"
    done = sealer("push", "-q", image, plain)
    assert done.returncode == 1
    assert message(done.stderr)[0] == f"error: {plain}: {registry.address} does not speak TLS"
    assert sealer("push", "-q", "--skip-tls-verify", image, plain).returncode == 0


def test_single_registries_may_do_without_tls(sealer: Command, store: ImageStore, tmp_path: Path) -> None:
    """What the configuration says of one registry holds for that one, and for no other."""
    with RegistryServer(tmp_path / "one") as one, RegistryServer(tmp_path / "other") as other:
        for registry in (one, other):
            make_image(store, f"{registry.address}/app:1")
        (store.home / "registries.conf").write_text(
            f'[[registry]]\nlocation = "{one.address}"\ninsecure = true\n'
        )
        assert sealer("push", "-q", f"{one.address}/app:1").returncode == 0
        assert sealer("pull", "-q", f"{one.address}/app:1").returncode == 0
        refused = sealer("push", "-q", f"{other.address}/app:1")
        assert refused.returncode == 1
        assert f"{other.address} does not speak TLS" in refused.stderr


def test_credentials_that_docker_keeps_serve_where_there_are_no_own(
    sealer: Command, store: ImageStore, private_registry: RegistryServer, image: str, tmp_path: Path
) -> None:
    trust(store.home, private_registry)
    assert "refuses access" in sealer("push", "-q", image, HOME=str(tmp_path)).stderr
    (tmp_path / ".docker").mkdir()
    secret = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    (tmp_path / ".docker" / "config.json").write_text(
        json.dumps({"auths": {private_registry.address: {"auth": secret}}})
    )
    assert sealer("push", "-q", image, HOME=str(tmp_path)).returncode == 0


def test_authorities_of_the_system_stay_trusted_beside_those_of_a_registry(
    sealer: Command, store: ImageStore, private_registry: RegistryServer, image: str, tmp_path: Path
) -> None:
    with RegistryServer(tmp_path / "stranger", tls=True) as stranger:
        directory = store.home / "certs.d" / private_registry.address
        directory.mkdir(parents=True)
        shutil.copy(stranger.authority, directory / "ca.crt")
    assert "unknown authority" in sealer("push", "-q", image).stderr
    system = {"SSL_CERT_FILE": str(private_registry.authority)}
    assert "refuses access" in sealer("push", "-q", image, **system).stderr


def test_a_password_is_in_no_argument_list(
    sealer: Command, store: ImageStore, private_registry: RegistryServer, tmp_path: Path
) -> None:
    """A stand-in notes how skopeo is called, and calls it."""
    trust(store.home, private_registry)
    programs = tmp_path / "programs"
    programs.mkdir()
    stand_in = programs / "skopeo"
    real = shutil.which("skopeo")
    stand_in.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\nexec {real} "$@"\n')
    stand_in.chmod(0o755)
    words = ("login", "-u", "ann", "-p", PASSWORD, private_registry.address)
    done = sealer(*words, PATH=f"{programs}:/usr/bin:/bin")
    assert done.returncode == 0
    assert "others can see a password on the command line" in done.stderr
    calls = (tmp_path / "calls").read_text()
    assert "login" in calls
    assert PASSWORD not in calls


def test_what_is_missing_for_a_login_is_asked_for(
    sealer: Command, store: ImageStore, private_registry: RegistryServer
) -> None:
    done = sealer("login", "--password-stdin", private_registry.address, stdin=PASSWORD)
    assert (done.returncode, message(done.stderr)[0]) == (2, "error: --password-stdin needs --username")
    done = sealer("login", "-u", "a", "-p", "b", "--password-stdin", private_registry.address)
    assert (done.returncode, message(done.stderr)[0]) == (
        2,
        "error: --passwd and --password-stdin exclude each other",
    )
    done = sealer("login", private_registry.address, stdin="")
    assert "Username" in done.stderr
    assert done.returncode == 1


def test_a_machine_without_skopeo_gets_the_name_of_the_package(
    sealer: Command, store: ImageStore, tmp_path: Path
) -> None:
    make_image(store, "app")
    (tmp_path / "empty").mkdir()
    done = sealer("push", "-q", "app", PATH=str(tmp_path / "empty"))
    assert (done.returncode, message(done.stderr)) == (
        1,
        ["error: the program skopeo is not installed", "hint: on Debian and Ubuntu: apt install skopeo"],
    )
