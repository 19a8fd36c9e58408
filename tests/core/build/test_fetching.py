"""Where container images are fetched from: credentials of lists, mirrors; and what is recorded of them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sealer.build.authorised import authorised_images
from sealer.errors import ImageError, TransportError
from sealer.image.inspect import image_spec
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.image.transport import Transport
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .helpers import Workshop

PASSWORD = "correct horse"


def supply(registry: RegistryServer, directory: Path, *names: str, login: bool = False) -> dict[str, str]:
    """Push an image under each name, and return the digest of each."""
    store = ImageStore(directory / "supplier")
    if login:
        asyncio.run(Transport(store.home, skip_tls_verify=True).login(registry.address, "jane", PASSWORD))
    digests = {}
    for name in names:
        full = f"{registry.address}/{name}"
        make_image(store, full, layers=[{"file": name.encode()}], type=None)
        digests[name] = asyncio.run(push(store, full, full, skip_tls_verify=True))
    return digests


def section(registry: RegistryServer, password: str, *images: str) -> str:
    listed = "".join(f"  - {image}\n" for image in images)
    return f"- registry: {registry.address}\n  username: jane\n  password: {password}\n  images:\n{listed}"


@pytest.fixture
def guarded(tmp_path: Path) -> RegistryServer:
    return RegistryServer(tmp_path / "guarded", users={"jane": PASSWORD})


def test_images_of_a_list_are_fetched_with_the_credentials_beside_them(
    workshop: Workshop, guarded: RegistryServer, registry: RegistryServer, tmp_path: Path
) -> None:
    with guarded:
        digests = supply(guarded, tmp_path, "team/a:1", "team/b:1", login=True)
        supply(registry, tmp_path / "open", "c:1")
        (tmp_path / "list").write_text(section(guarded, PASSWORD, "team/a:1", f"{guarded.address}/team/b:1"))
        (tmp_path / "plain").write_text(f"{registry.address}/c:1\n")
        image = workshop.build(
            "FROM scratch",
            image_list_with_auth=tmp_path / "list",
            image_list=tmp_path / "plain",
            skip_tls_verify=True,
        )
        listed = {each.image: each.digest for each in image.metadata.container_images}
        assert listed[f"{guarded.address}/team/a:1"] == digests["team/a:1"]
        assert len(listed) == 3
        assert all(digest.startswith("sha256:") for digest in listed.values())
        kept = [path for path in workshop.store.home.rglob("*") if path.is_file()]
        assert not any(PASSWORD.encode() in path.read_bytes() for path in kept)
        assert not any(path.name.startswith("auth") for path in kept)
        # Without that list nobody knows the password.
        (tmp_path / "plain").write_text(f"{guarded.address}/team/c:1\n")
        with pytest.raises(TransportError):
            workshop.build("FROM scratch", image_list=tmp_path / "plain", skip_tls_verify=True)


def test_wrong_credentials_are_told_without_the_password(
    workshop: Workshop, guarded: RegistryServer, tmp_path: Path
) -> None:
    with guarded:
        (tmp_path / "list").write_text(section(guarded, "wrong-password", "team/a:1"))
        with pytest.raises(TransportError) as caught:
            workshop.build("FROM scratch", image_list_with_auth=tmp_path / "list", skip_tls_verify=True)
        assert "wrong-password" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: b\n", "the list of images is no list", 1),
        ("- registry: r\n  username: u\n  images: [a]\n", "the field password is missing", 1),
        ("- registry: r\n  user: u\n", "the field is unknown", 2),
        ("- registry: r\n  username: u\n  password: p\n  images: a\n", "images is no list", 4),
        ("- registry: r\n  username: u\n  password: ''\n  images: [a]\n", "a text is missing", 3),
        (
            "- registry: r\n  username: u\n  password: p\n  images: [A]\n",
            "is not the name of an image",
            4,
        ),
        ("- [\n", "not valid YAML", 2),
        ("- a\n", "an entry is no mapping", 1),
    ],
)
def test_a_malformed_list_is_told_with_its_line(tmp_path: Path, text: str, message: str, line: int) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(ImageError) as caught:
        authorised_images(tmp_path / "list")
    assert message in caught.value.message
    assert f"list:{line}:" in str(caught.value.place)


def test_a_list_never_shows_its_passwords_and_writes_them_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("- {registry: docker.io, username: u, password: hidden, images: [nginx]}")
    (found,) = authorised_images(tmp_path / "list")
    assert "hidden" not in repr(found)
    assert found.images == ("docker.io/library/nginx:latest",)
    found.write(tmp_path / "auth")
    assert (tmp_path / "auth").stat().st_mode & 0o777 == 0o600
    assert "https://index.docker.io/v1/" in (tmp_path / "auth").read_text()


def test_a_mirror_is_asked_before_the_registry(
    workshop: Workshop, registry: RegistryServer, tmp_path: Path
) -> None:
    digests = supply(registry, tmp_path, "mirror/library/nginx:1")
    (workshop.store.home).mkdir(parents=True, exist_ok=True)
    (workshop.store.home / "registries.conf").write_text(
        '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n'
        f'[[registry.mirror]]\nlocation = "{registry.address}/mirror"\ninsecure = true\n'
    )
    (tmp_path / "list").write_text("nginx:1\n")
    image = workshop.build("FROM scratch", image_list=tmp_path / "list")
    (listed,) = image.metadata.container_images
    assert (listed.image, listed.digest) == ("docker.io/library/nginx:1", digests["mirror/library/nginx:1"])


def test_the_recorded_digest_is_inherited_and_shown(
    workshop: Workshop, registry: RegistryServer, tmp_path: Path
) -> None:
    digests = supply(registry, tmp_path, "a:1")
    (tmp_path / "list").write_text(f"{registry.address}/a:1\n")
    workshop.build("FROM scratch", image_list=tmp_path / "list", skip_tls_verify=True, name="base:1")
    child = workshop.build("FROM base:1", "LABEL a=1", image_list=tmp_path / "list", skip_tls_verify=True)
    (shown,) = image_spec(child)["containerImageList"]
    assert shown["digest"] == digests["a:1"]
    assert os.fspath(tmp_path) not in str(shown)
