"""Images that tests push and pull without TLS."""

from __future__ import annotations

import os

from sealer.image.oci import DOCKER_LIST, OCI_INDEX, Index
from sealer.image.platforms import host_platform
from sealer.image.pull import pull
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.testing.images import make_image

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
