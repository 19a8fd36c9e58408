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
from sealer.image.oci import OCI_CONFIG, OCI_LAYER, Manifest, encode_json
from sealer.image.pull import PullPolicy, ensure, pull
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.image.transport import Transport
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .conftest import content, transferred
from .exchange import FOREIGN, LAYERS, make_multi, pull_insecure, push_insecure
from .proxy import Proxy


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
