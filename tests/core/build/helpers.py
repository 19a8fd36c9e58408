"""Build contexts written in one line, and images read back as files."""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sealer.build.kubefile_build import BuildRequest, build_kubefile
from sealer.errors import SourceError, SourceErrors
from sealer.events import Event
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import Platform
from sealer.providers import AppType
from sealer_app_helm.app_type import Helm
from sealer_app_kube.app_type import Kube
from sealer_app_kube.kustomize import Kustomize
from sealer_app_shell.app_type import Shell

TYPES: Mapping[str, AppType] = {"helm": Helm(), "kube": Kube(), "kustomize": Kustomize(), "shell": Shell()}
AMD64 = Platform(architecture="amd64")
ARM64 = Platform(architecture="arm64")


@dataclass
class Workshop:
    """A build context and the store that its images go to."""

    store: ImageStore
    context: Path
    types: Mapping[str, AppType] = field(default_factory=lambda: TYPES)
    events: list[Event] = field(default_factory=list)

    def put(self, files: Mapping[str, str | bytes]) -> None:
        """Write files of the context."""
        for name, content in files.items():
            path = self.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def build(self, *lines: str, name: str = "test:1", **options: object) -> StoredImage:
        """Build an image from the lines of a Kubefile."""
        return asyncio.run(self.building(*lines, name=name, **options))

    async def building(self, *lines: str, name: str = "test:1", **options: object) -> StoredImage:
        file = self.context.parent / "Kubefile"
        file.write_text("\n".join(lines))
        request = BuildRequest(
            **{"context": self.context, "file": file, "name": name, "platform": AMD64, **options}  # type: ignore[arg-type]  # passed on
        )
        return await build_kubefile(self.store, request, self.types, sink=self.events.append)

    def problems(self, *lines: str, **options: object) -> tuple[SourceError, ...]:
        """Return what is wrong with the Kubefile of these lines."""
        with pytest.raises(SourceErrors) as caught:
            self.build(*lines, **options)
        return caught.value.problems

    def problem(self, *lines: str) -> tuple[str, int, int]:
        """Return the message and the position of the one thing that is wrong."""
        (found,) = self.problems(*lines)
        return found.message, found.place.line, found.place.column


def entries(store: ImageStore, layer: Descriptor) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield the entries of a layer with their content."""
    data = store.verified_blob(layer.digest).read_bytes()
    if layer.media_type.endswith("gzip"):
        data = gzip.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            yield member, b"" if file is None else file.read()


def names(store: ImageStore, layer: Descriptor) -> list[str]:
    """Return the names of a layer's entries in their order, directories with a slash."""
    return [entry.name + "/" * entry.isdir() for entry, _ in entries(store, layer)]


def files(store: ImageStore, image: StoredImage) -> dict[str, bytes]:
    """Return the regular files of an image by path, as a node would see them."""
    tree: dict[str, bytes] = {}
    for layer in image.layers:
        found = list(entries(store, layer))
        for entry, _ in found:
            above, _, name = entry.name.rpartition("/")
            if name.startswith(".wh."):
                gone = f"{above}/" if name == ".wh..wh..opq" else f"{above}/{name.removeprefix('.wh.')}"
                tree = {
                    path: data
                    for path, data in tree.items()
                    if path != gone and not path.startswith(gone.rstrip("/") + "/")
                }
        for entry, data in found:
            if entry.isreg() and "/.wh." not in f"/{entry.name}":
                tree[entry.name] = data
    return tree
