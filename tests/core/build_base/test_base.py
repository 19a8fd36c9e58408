from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from sealer.build.base import DOWNLOADS, BaseRequest, build_base, build_base_platforms
from sealer.build.base_parts import Blueprint
from sealer.build.fetch import FetchSettings
from sealer.errors import ImageError, SealerError, TransportError, UsageError
from sealer.events import Event, TransferProgress
from sealer.image.oci import parse_index
from sealer.image.platforms import host_platform
from sealer.image.reference import parse_reference
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import ImageType
from sealer.testing.registry import RegistryServer
from tests.core.build_base.http_server import Server
from tests.core.build_base.material import AMD64, ARM64, ToyRecipe, image_archive, toy_programs, write
from tests.core.build_base.test_base_material import publish

SERVER = "example.com/toy/server:v1.2.3"
HERE = host_platform()


def request(
    directory: Path | None = None,
    *,
    version: str | None = None,
    fetch: FetchSettings | None = None,
    skip_tls_verify: bool = False,
) -> BaseRequest:
    return BaseRequest(
        blueprint=Blueprint(recipe=ToyRecipe()),
        name=parse_reference("toy:1"),
        platform=HERE,
        version=version,
        directory=directory,
        fetch=fetch or FetchSettings(),
        skip_tls_verify=skip_tls_verify,
    )


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """A directory with everything that a toy needs, whose programs are not marked as such."""
    directory = write(tmp_path / "artifacts", toy_programs(images=SERVER))
    image_archive(directory / "images" / "server.tar", SERVER, architecture=HERE.architecture)
    return directory


def stored(store: ImageStore) -> StoredImage:
    return store.resolve("toy:1", HERE)


def files(store: ImageStore, image: StoredImage) -> list[dict[str, int]]:
    """Return the mode of every regular file, by path, layer by layer."""
    layers = []
    for layer in image.layers:
        with store.open_blob(layer.digest) as blob, tarfile.open(fileobj=blob, mode="r|*") as tar:
            layers.append({member.name: member.mode for member in tar if member.isreg()})
    return layers


async def test_a_base_image_has_the_rootfs_the_labels_and_the_container_images(
    store: ImageStore, artifacts: Path
) -> None:
    image = await build_base(request(artifacts), store)
    assert stored(store) == image
    assert {key: value for key, value in image.labels.items() if "sealer" not in key} == {
        "toy": "v1.2.3",
        "runner": "7.0",
    }
    metadata = image.metadata
    assert metadata.type is ImageType.CLUSTER
    assert [image.image for image in metadata.container_images] == [SERVER]
    tools, distribution, settings, registry = files(store, image)
    assert tools == {"bin/runner": 0o755}
    assert distribution == {"bin/toyd": 0o755, "bin/toyctl": 0o755}
    assert settings == {"etc/toy.conf": 0o644}
    assert any(
        "registry/docker/registry/v2/repositories/example.com/toy/server/_manifests/tags/v1.2.3" in path
        for path in registry
    )


async def test_the_same_files_give_the_same_digest_anywhere(
    store: ImageStore, artifacts: Path, tmp_path: Path
) -> None:
    first = (await build_base(request(artifacts), store)).digest
    moved = artifacts.rename(tmp_path / "elsewhere")
    for path in moved.rglob("*"):
        path.chmod(0o700)
    assert (await build_base(request(moved), ImageStore(tmp_path / "other"))).digest == first
    assert (await build_base(request(moved), store)).digest == first


async def test_the_next_version_shares_the_tools_and_their_layer(
    store: ImageStore, artifacts: Path, tmp_path: Path
) -> None:
    await build_base(request(artifacts), store)
    before = stored(store)
    write(artifacts, toy_programs("v1.2.4", images=SERVER))
    await build_base(request(artifacts), store)
    after = stored(store)
    assert after.layers[0] == before.layers[0]
    assert after.layers[1] != before.layers[1]
    assert after.layers[3] == before.layers[3]


async def test_container_images_that_no_archive_holds_are_pulled(store: ImageStore, tmp_path: Path) -> None:
    with RegistryServer(tmp_path / "registry") as registry:
        name = f"{registry.address}/team/pause:1"
        archive = image_archive(tmp_path / "pause.tar", name, architecture=HERE.architecture)
        copy = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"docker-archive:{archive}"]
        subprocess.run([*copy, f"docker://{name}"], check=True, capture_output=True)
        directory = write(tmp_path / "artifacts", toy_programs(images=name))
        await build_base(request(directory, skip_tls_verify=True), store)
        write(directory, toy_programs(images=f"{registry.address}/team/pause:2"))
        with pytest.raises(TransportError, match="pause:2"):
            await build_base(request(directory, skip_tls_verify=True), store)
    assert [image.image for image in stored(store).metadata.container_images] == [name]


async def test_downloads_are_kept_below_the_home_directory(
    store: ImageStore, server: Server, tmp_path: Path
) -> None:
    publish(server, "v1.2.3", HERE.architecture, toy_programs(images=""))
    await build_base(request(version="1.2.3", fetch=FetchSettings(mirror=server.url)), store)
    assert len(list((store.home / DOWNLOADS / "sha256").iterdir())) == 3
    tools, distribution, settings = files(store, stored(store))
    assert {*tools, *distribution, *settings} == {"bin/runner", "bin/toyd", "bin/toyctl", "etc/toy.conf"}


async def test_several_platforms_are_one_index(store: ImageStore, server: Server) -> None:
    for platform in (AMD64, ARM64):
        programs = toy_programs(images="") | {"extra": platform.architecture.encode()}
        publish(server, "v1.2.3", platform.architecture, programs)
    wanted = request(version="1.2.3", fetch=FetchSettings(mirror=server.url))
    name = parse_reference("toy:1")
    target = await build_base_platforms(wanted, name, (AMD64, ARM64), store)
    index = parse_index(store.read_blob(target.digest))
    assert [entry.platform for entry in index.manifests] == [AMD64, ARM64]
    images = [store.resolve("toy:1", platform) for platform in (AMD64, ARM64)]
    assert [image.platform for image in images] == [AMD64, ARM64]
    assert [str(entry) for entry in store.list()] == [str(name)]
    assert (await build_base_platforms(wanted, name, (AMD64, ARM64), store)) == target


async def test_where_one_of_several_platforms_fails_there_is_no_image(
    store: ImageStore, server: Server
) -> None:
    publish(server, "v1.2.3", AMD64.architecture, toy_programs(images=""))
    wanted = request(version="1.2.3", fetch=FetchSettings(mirror=server.url))
    with pytest.raises(SealerError):
        await build_base_platforms(wanted, parse_reference("toy:1"), (AMD64, ARM64), store)
    assert store.list() == ()


async def test_several_platforms_need_a_version(store: ImageStore, artifacts: Path) -> None:
    with pytest.raises(UsageError, match="which version is not said"):
        await build_base_platforms(request(artifacts), parse_reference("toy:1"), (AMD64, ARM64), store)


async def test_a_failure_leaves_neither_an_image_nor_files_behind(
    store: ImageStore, artifacts: Path, tmp_path: Path
) -> None:
    (artifacts / "runner").unlink()
    with pytest.raises(ImageError, match="what is needed"):
        await build_base(request(artifacts), store)
    assert store.list() == ()
    assert list(store.layout.temporary.iterdir()) == []


async def test_progress_tells_what_is_packed(store: ImageStore, artifacts: Path) -> None:
    events: list[Event] = []
    await build_base(request(artifacts), store, sink=events.append)
    subjects = {event.subject for event in events if isinstance(event, TransferProgress)}
    assert {"tools", "toy v1.2.3", f"packing {SERVER}"} <= subjects
