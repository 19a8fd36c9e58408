"""Container images that tests put into a registry, and what of them images pack."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sealer.image.oci import Index
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import Platform
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .helpers import AMD64, Workshop

ROOT = "registry/docker/registry/v2/"


def pod(*names: str) -> str:
    containers = "".join(f"  - image: {name}\n" for name in names)
    return f"kind: Pod\nspec:\n  containers:\n{containers}"


class Supplier:
    """Puts container images into a registry."""

    def __init__(self, registry: RegistryServer, directory: Path) -> None:
        self.registry = registry
        self._store = ImageStore(directory / "supplier")

    def name(self, name: str) -> str:
        return f"{self.registry.address}/{name}"

    def push(
        self, name: str, *layers: bytes, platforms: tuple[Platform, ...] = (AMD64,), docker: bool = False
    ) -> str:
        """Push an image with these layers and return its digest."""
        contents = [{"file": layer} for layer in layers]
        if len(platforms) == 1:
            make_image(self._store, self.name(name), layers=contents, type=None, docker=docker)
        else:
            children = tuple(
                make_image(
                    self._store,
                    None,
                    layers=[*contents, {"platform": str(platform).encode()}],
                    type=None,
                    platform=platform,
                )
                for platform in platforms
            )
            self._store.put_index(self.name(name), Index(manifests=children))
        return asyncio.run(push(self._store, self.name(name), self.name(name), skip_tls_verify=True))

    def manifest(self, name: str) -> bytes:
        return self._store.read_blob(self._store.find(self.name(name)).digest)


def build(workshop: Workshop, *lines: str, **options: object) -> StoredImage:
    return workshop.build(*lines, skip_tls_verify=True, **options)


def packed_blobs(tree: dict[str, bytes]) -> dict[str, bytes]:
    return {
        f"sha256:{path.split('/')[-2]}": data
        for path, data in tree.items()
        if path.startswith(f"{ROOT}blobs/")
    }


def fetched(registry: RegistryServer) -> list[str]:
    return [request for request in registry.requests() if request.startswith("GET ") and "/blobs/" in request]
