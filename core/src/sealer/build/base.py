"""Builds base images: gathers what a recipe declares, and hands it to the builder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sealer.build.base_material import Material, Order, gather
from sealer.build.base_parts import Blueprint
from sealer.build.builder import build_image
from sealer.build.fetch import FetchSettings
from sealer.build.inputs import BuildInput, GivenFile, GivenFiles
from sealer.events import EventSink, discard
from sealer.image.reference import Reference
from sealer.image.store import ImageStore
from sealer.model import ImageType, Platform
from sealer.providers import Component

DOWNLOADS = "cache/downloads"
"""Where downloads are kept, below Sealer's home directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRequest:
    """A base image that somebody wants.

    Attributes:
        blueprint: How it is made.
        name: The name it gets in the store.
        platform: The platform it is for.
        version: The version of the distribution; None only with a directory, for that of its files.
        directory: Where the files are, or None to download them.
        fetch: How they are downloaded.
        skip_tls_verify: Whether any certificate of registries is accepted, and plain HTTP.
    """

    blueprint: Blueprint
    name: Reference
    platform: Platform
    version: str | None = None
    directory: Path | None = None
    fetch: FetchSettings = field(default_factory=FetchSettings)
    skip_tls_verify: bool = False


async def build_base(request: BaseRequest, store: ImageStore, *, sink: EventSink = discard) -> str:
    """Build a base image and return the digest of its manifest.

    Raises:
        UsageError: The version is missing.
        ImageError: Files are missing or contradict each other, or the image can't be built of them.
        TransportError: A download or a pull fails.
        VerificationError: A download is not what its checksum says.
    """
    # Under the lease, what is left in the store's temporary directory by a crash is swept by a later prune.
    with store.lease(), TemporaryDirectory(dir=store.layout.temporary) as scratch:
        order = Order(
            blueprint=request.blueprint,
            version=request.version,
            platform=request.platform,
            directory=request.directory,
            fetch=request.fetch,
            cache=store.home / DOWNLOADS,
            scratch=Path(scratch),
            sink=sink,
        )
        material = await gather(order)
        image = await build_image(
            store, _input(request, material), {}, skip_tls_verify=request.skip_tls_verify, sink=sink
        )
    return image.digest


def _input(request: BaseRequest, material: Material) -> BuildInput:
    """Return what the builder makes the image from.

    The distribution's own programs are a layer, because all of them change with each version, and the tools
    beside them are another, because they seldom do: the image of the next version shares that one.
    """
    title = f"{request.blueprint.recipe.name} {material.version}"
    layers = (
        GivenFiles(files=_files(material, lambda part: not part.carries_version), created_by="tools"),
        GivenFiles(files=_files(material, lambda part: part.carries_version), created_by=title),
        GivenFiles(
            files=tuple(
                GivenFile(path=path, content=text.encode()) for path, text in sorted(material.texts.items())
            ),
            created_by=f"settings of {title}",
        ),
    )
    return BuildInput(
        name=request.name,
        type=ImageType.CLUSTER,
        platform=request.platform,
        contents=tuple(layer for layer in layers if layer.files),
        labels=material.labels,
        container_images=material.pulled,
        archived=material.archived,
    )


def _files(material: Material, chosen: Callable[[Component], bool]) -> tuple[GivenFile, ...]:
    return tuple(
        GivenFile(path=component.path, content=path, executable=component.executable)
        for component, path in material.files
        if chosen(component)
    )
