"""Images go to a real registry and come back byte for byte, and nothing is sent that is there already."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from sealer.errors import ImageError, TransportError, VerificationError
from sealer.events import Event, TransferProgress
from sealer.image.oci import DOCKER_LIST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, Index, Manifest, encode_json
from sealer.image.platforms import host_platform
from sealer.image.pull import PullPolicy, complete, ensure, pull
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.image.transport import Transport
from sealer.model import Platform
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .conftest import content, transferred
from .proxy import Proxy

AMD64 = Platform(architecture="amd64")
ARM64 = Platform(architecture="arm64")
FOREIGN = ARM64 if host_platform() == AMD64 else AMD64
LAYERS = [{"a": b"a" * 3000}, {"b": os.urandom(200_000)}]


async def push_insecure(store: ImageStore, name: str, destination: str | None = None) -> str:
    return await push(store, name, destination, skip_tls_verify=True)


async def pull_insecure(store: ImageStore, name: str, **options: object) -> str:
    return await pull(store, name, skip_tls_verify=True, **options)  # type: ignore[arg-type]  # passed on


def make_multi(store: ImageStore, name: str, *, docker: bool = False) -> None:
    children = tuple(
        make_image(store, None, platform=platform, layers=[{str(platform): b""}], docker=docker)
        for platform in (AMD64, ARM64)
    )
    store.put_index(name, Index(manifests=children, media_type=DOCKER_LIST if docker else OCI_INDEX))


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_an_image_comes_back_as_it_was(
    store: ImageStore, other: ImageStore, registry: RegistryServer, docker: bool
) -> None:
    name = f"{registry.address}/team/app:1"
    digest = make_image(store, name, layers=LAYERS, docker=docker).digest
    assert await push_insecure(store, name) == digest
    assert await pull_insecure(other, name) == digest
    assert content(other) == content(store)
    assert other.resolve(name) == store.resolve(name)
    assert list(other.layout.temporary.iterdir()) == []


async def test_layers_that_are_not_compressed_stay_so(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"))
    with store.lease():
        layer = store.put_blob(buffer.getvalue(), OCI_LAYER)
        config = {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        }
        manifest = Manifest(config=store.put_blob(encode_json(config), OCI_CONFIG), layers=(layer,))
        name = f"{registry.address}/app:1"
        digest = store.put_manifest(name, manifest).digest
    assert await push_insecure(store, name) == digest
    await pull_insecure(other, name)
    assert content(other) == content(store)


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_an_image_for_several_platforms_comes_back_as_it_was(
    store: ImageStore, other: ImageStore, registry: RegistryServer, docker: bool
) -> None:
    name = f"{registry.address}/multi:1"
    make_multi(store, name, docker=docker)
    await push_insecure(store, name)
    await pull_insecure(other, name, every_platform=True)
    assert content(other) == content(store)
    assert other.find(name).digest == store.find(name).digest


async def test_one_platform_is_pushed_and_then_the_index_over_all(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app:1"
    make_multi(store, name)
    for platform in (AMD64, ARM64):
        image = store.resolve(name, platform)
        one = f"{registry.address}/app:{platform.architecture}"
        assert await push(store, name, one, platform=platform, skip_tls_verify=True) == image.digest
        assert await pull_insecure(other, one, platform=platform) == image.digest
    sent = len(transferred(registry, "PUT") | transferred(registry, "POST"))
    digest = await push(store, name, index_only=True, skip_tls_verify=True)
    assert digest == store.find(name).digest
    assert len(transferred(registry, "PUT") | transferred(registry, "POST")) == sent
    assert await pull_insecure(other, name, every_platform=True) == digest


async def test_one_platform_is_pulled_at_a_time_and_the_digest_is_that_of_all(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/multi:1"
    make_multi(store, name)
    root = await push_insecure(store, name)
    own, foreign = store.resolve(name, host_platform()), store.resolve(name, FOREIGN)
    assert await pull_insecure(other, name) == root
    assert foreign.layers[0].digest not in transferred(registry, "GET")
    assert other.resolve(name).digest == own.digest
    with pytest.raises(ImageError, match=f"the image for {FOREIGN} is not in the local store"):
        other.resolve(name, FOREIGN)
    with pytest.raises(ImageError, match=f"not complete: {FOREIGN} is not in the local store") as caught:
        await push_insecure(other, name)
    assert "--platform all" in (caught.value.hint or "")
    assert await pull_insecure(other, name, platform=FOREIGN) == root
    assert content(other) == content(store)


async def test_further_platforms_come_from_the_index_that_the_store_has(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app:further"
    make_multi(store, name)
    await push_insecure(store, name)
    root = await pull_insecure(other, name)
    images = {platform: store.resolve(name, platform).digest for platform in (AMD64, ARM64)}
    # By now the name means something else in the registry.
    newer = make_image(store, None, platform=FOREIGN, layers=[{"newer": b""}])
    store.put_index(name, Index(manifests=(newer,)))
    await push_insecure(store, name)
    for platform in (AMD64, ARM64, Platform(architecture="riscv64")):
        await complete(other, name, platform, skip_tls_verify=True)
    assert {platform: other.resolve(name, platform).digest for platform in images} == images
    assert [str(entry) for entry in other.list()] == [name]
    assert other.resolve(name).root_digest == root


async def test_nobody_is_asked_for_a_platform_that_an_image_is_not_made_for(other: ImageStore) -> None:
    make_image(other, "localhost:1/app:one", platform=AMD64)
    make_multi(other, "localhost:1/app:both")
    for name in ("localhost:1/app:one", "localhost:1/app:both"):
        await complete(other, name, FOREIGN)


async def test_a_platform_that_the_registry_lacks_is_refused(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    riscv = Platform(architecture="riscv64")
    multi, single = f"{registry.address}/multi:1", f"{registry.address}/single:1"
    make_multi(store, multi)
    make_image(store, single, platform=AMD64)
    await push_insecure(store, multi)
    await push_insecure(store, single)
    with pytest.raises(ImageError, match="no image for linux/riscv64: the index lists"):
        await pull_insecure(other, multi, platform=riscv)
    with pytest.raises(ImageError, match="the image is for linux/amd64, not for linux/riscv64"):
        await pull_insecure(other, single, platform=riscv)
    assert other.list() == ()


async def test_a_blob_that_the_store_has_is_not_fetched(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app"
    for tag, layers in (("1", LAYERS), ("2", [*LAYERS, {"new": b"new"}])):
        make_image(store, f"{name}:{tag}", layers=layers)
        await push_insecure(store, f"{name}:{tag}")
    await pull_insecure(other, f"{name}:1")
    registry.stop()
    registry.start()
    await pull_insecure(other, f"{name}:1")
    assert transferred(registry, "GET") == set()
    await pull_insecure(other, f"{name}:2")
    image = store.resolve(f"{name}:2")
    assert transferred(registry, "GET") == {image.id, image.layers[-1].digest}


async def test_a_blob_that_the_registry_has_is_not_sent(store: ImageStore, registry: RegistryServer) -> None:
    name = f"{registry.address}/app:1"
    make_image(store, name, layers=LAYERS)
    await push_insecure(store, name)
    registry.stop()
    registry.start()
    await push_insecure(store, name)
    assert not [request for request in registry.requests() if request.startswith(("POST", "PATCH"))]


async def test_a_damaged_blob_is_not_sent(store: ImageStore, registry: RegistryServer) -> None:
    name = f"{registry.address}/app:1"
    make_image(store, name, layers=LAYERS)
    blob = store.blob_path(store.resolve(name).layers[1].digest)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(VerificationError, match=blob.name):
        await push_insecure(store, name)
    assert registry.requests() == ()


async def test_pulling_again_mends_a_damaged_blob(store: ImageStore, registry: RegistryServer) -> None:
    name = f"{registry.address}/app:1"
    make_image(store, name, layers=LAYERS)
    await push_insecure(store, name)
    before = content(store)
    for layer in store.resolve(name).layers:
        store.blob_path(layer.digest).write_bytes(b"x" * layer.size)
    await pull_insecure(store, name)
    assert content(store) == before


async def test_what_the_registry_damaged_does_not_get_into_the_store(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app:1"
    make_image(store, name, layers=LAYERS)
    await push_insecure(store, name)
    digest = store.resolve(name).layers[1].digest.removeprefix("sha256:")
    (data,) = registry.data.glob(f"docker/registry/v2/blobs/sha256/*/{digest}/data")
    changed = bytearray(data.read_bytes())
    changed[1000] ^= 1
    data.write_bytes(changed)
    with pytest.raises(VerificationError, match=f"sent as blob sha256:{digest} has another digest"):
        await pull_insecure(other, name)
    assert other.list() == ()
    assert digest not in content(other)


async def test_progress_is_told_in_bytes_of_what_is_moved(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app:1"
    make_image(store, name, layers=LAYERS)
    total = sum(layer.size for layer in store.resolve(name).layers)
    events: list[Event] = []
    await push(store, name, skip_tls_verify=True, sink=events.append)
    await pull(other, name, skip_tls_verify=True, sink=events.append)
    moved = [(event.moved, event.total) for event in events if isinstance(event, TransferProgress)]
    pushed = total + store.resolve(name).manifest.config.size
    assert moved[0] == (0, pushed)
    assert (pushed, pushed) in moved
    assert moved[-1] == (total, total)


async def test_a_pull_that_was_killed_goes_on_where_it_was(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    large = os.urandom(3_000_000)
    name = f"{registry.address}/app:1"
    make_image(store, name, layers=[{"small": b"small"}, {"large": large}])
    await push_insecure(store, name)
    small, big = (layer.digest for layer in store.resolve(name).layers)
    with Proxy(registry.port, limit=500_000) as proxy:
        script = (
            "import asyncio, pathlib, sys\n"
            "from sealer.image.pull import pull\n"
            "from sealer.image.store import ImageStore\n"
            "store = ImageStore(pathlib.Path(sys.argv[1]))\n"
            "asyncio.run(pull(store, sys.argv[2], skip_tls_verify=True))\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(other.home), f"127.0.0.1:{proxy.port}/app:1"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert await asyncio.to_thread(proxy.stalled.wait, 20)
        async with asyncio.timeout(20):
            while not list(other.layout.temporary.glob(f"gather-*/blobs/sha256/{small[7:]}")):
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert other.list() == ()
    assert content(other) == {}
    registry.stop()
    registry.start()
    await pull_insecure(other, name)
    assert content(other) == content(store)
    assert transferred(registry, "GET") & {small, big} == {big}
    assert list(other.layout.temporary.iterdir()) == []


async def test_a_pull_that_is_cancelled_ends_skopeo(store: ImageStore, registry: RegistryServer) -> None:
    with Proxy(registry.port, limit=0) as proxy:
        work = asyncio.create_task(pull_insecure(store, f"127.0.0.1:{proxy.port}/app:1"))
        assert await asyncio.to_thread(proxy.stalled.wait, 20)
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        assert children.read_text().split()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert "skopeo" not in _names(children.read_text().split())
    assert store.list() == ()


def _names(processes: list[str]) -> list[str]:
    return [Path(f"/proc/{process}/comm").read_text().strip() for process in processes]


async def test_the_policy_says_when_the_registry_is_asked(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app:1"
    old = make_image(store, name, layers=LAYERS).digest

    async def get(policy: PullPolicy) -> str:
        return (await ensure(other, name, policy=policy, skip_tls_verify=True)).digest

    await push_insecure(store, name)
    with pytest.raises(ImageError, match="in the local store"):
        await get(PullPolicy.NEVER)
    assert await get(PullPolicy.MISSING) == old
    new = make_image(store, name, layers=[{"new": b""}]).digest
    await push_insecure(store, name)
    assert await get(PullPolicy.MISSING) == old
    assert await get(PullPolicy.NEVER) == old
    assert await get(PullPolicy.IF_NEWER) == new
    registry.stop()
    with pytest.raises(TransportError, match="refuses connections"):
        await get(PullPolicy.ALWAYS)


async def test_a_name_with_a_digest_is_pulled_and_checked(
    store: ImageStore, other: ImageStore, registry: RegistryServer
) -> None:
    name = f"{registry.address}/app"
    digest = make_image(store, f"{name}:1", layers=LAYERS).digest
    await push_insecure(store, f"{name}:1")
    assert await pull_insecure(other, f"{name}@{digest}") == digest
    assert other.resolve(f"{name}@{digest}").digest == digest
    assert [entry.reference for entry in other.list()] == [None]
    assert await pull_insecure(other, f"{name}:1@{digest}") == digest
    assert [str(entry) for entry in other.list()] == [f"{name}:1"]


async def test_an_image_is_pushed_under_another_name(store: ImageStore, registry: RegistryServer) -> None:
    digest = make_image(store, "app:1").digest
    destination = f"{registry.address}/deep/er/app:2"
    assert await push_insecure(store, "app:1", destination) == digest
    transport = Transport(store.home, skip_tls_verify=True)
    assert await transport.inspect_raw(destination) == store.read_blob(digest)


async def test_a_destination_needs_a_name_without_a_digest(store: ImageStore) -> None:
    digest = make_image(store, "app:1").digest
    with pytest.raises(TransportError, match="nothing can be pushed to it"):
        await push_insecure(store, "app:1", f"app@{digest}")
    store.remove("app:1")
    digest = make_image(store, "moved").digest
    make_image(store, "moved", layers=[{"x": b""}])
    with pytest.raises(ImageError, match="the image has no name"):
        await push_insecure(store, digest)


async def test_what_is_not_there_is_one_clear_error(store: ImageStore, registry: RegistryServer) -> None:
    with pytest.raises(TransportError, match="has no such image") as caught:
        await pull_insecure(store, f"{registry.address}/nothing:1")
    assert str(caught.value.place) == f"{registry.address}/nothing:1"


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_a_container_image_is_copied_byte_for_byte(
    store: ImageStore, registry: RegistryServer, tmp_path: Path, docker: bool
) -> None:
    name = f"{registry.address}/multi:1"
    make_multi(store, name, docker=docker)
    await push_insecure(store, name)
    transport = Transport(store.home, skip_tls_verify=True)
    digest = await transport.copy_container_image(name, tmp_path / "copy", platform=FOREIGN)
    image = store.resolve(name, FOREIGN)
    assert digest == image.digest
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == store.read_blob(digest)
    for blob in (image.manifest.config, *image.layers):
        assert (tmp_path / "copy" / blob.digest[7:]).read_bytes() == store.read_blob(blob.digest)
    assert await transport.inspect_raw(name) == store.read_blob(store.find(name).digest)


async def test_a_container_image_is_copied_from_an_archive(store: ImageStore, tmp_path: Path) -> None:
    digest = make_image(store, "app:1", docker=True).digest
    archive = tmp_path / "app.tar"
    layout = f"oci:{store.layout.root}:docker.io/library/app:1"
    make_image(store, "app:1")
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", layout, f"docker-archive:{archive}:app:1"],
        check=True,
    )
    copied = await Transport(store.home).copy_container_image(f"docker-archive:{archive}", tmp_path / "copy")
    assert copied != digest, "an archive of docker holds no manifest: skopeo makes one"
    layer = gzip.decompress(store.read_blob(store.resolve("app:1").layers[0].digest))
    assert layer in [path.read_bytes() for path in (tmp_path / "copy").iterdir()]
