"""Images for several platforms go to a real registry and come back, all at once or one after the other."""

from __future__ import annotations

import pytest

from sealer.errors import ImageError
from sealer.image.oci import Index
from sealer.image.platforms import host_platform
from sealer.image.pull import complete
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .conftest import content, transferred
from .exchange import AMD64, ARM64, FOREIGN, make_multi, pull_insecure, push_insecure


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
