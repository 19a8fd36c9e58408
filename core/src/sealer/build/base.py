"""Builds base images: gathers what a recipe declares, and hands it to the builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sealer.build.base_material import Material, Order, gather
from sealer.build.base_parts import Blueprint
from sealer.build.builder import build_image
from sealer.build.fetch import FetchSettings
from sealer.build.inputs import BuildInput, GivenFile, GivenFiles
from sealer.build.platforms_build import build_index
from sealer.errors import UsageError
from sealer.events import EventSink, discard
from sealer.image.oci import Descriptor
from sealer.image.reference import Reference
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import ImageType, Platform
from sealer.providers import Component

DOWNLOADS = "cache/downloads"
"""Where downloads are kept, below Sealer's home directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRequest:
    """A base image that somebody wants.

    Attributes:
        blueprint: How it is made.
        name: The name it gets in the store; None leaves it for an index, and the caller holds a lease.
        platform: The platform it is for.
        version: The version of the distribution; None only with a directory, for that of its files.
        directory: Where the files are, or None to download them.
        fetch: How they are downloaded.
        skip_tls_verify: Whether any certificate of registries is accepted, and plain HTTP.
    """

    blueprint: Blueprint
    name: Reference | None
    platform: Platform
    version: str | None = None
    directory: Path | None = None
    fetch: FetchSettings = field(default_factory=FetchSettings)
    skip_tls_verify: bool = False


async def build_base(request: BaseRequest, store: ImageStore, *, sink: EventSink = discard) -> StoredImage:
    """Build a base image and put it into the store.

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
        return await build_image(
            store, _input(request, material), {}, skip_tls_verify=request.skip_tls_verify, sink=sink
        )


async def build_base_platforms(
    request: BaseRequest,
    name: Reference,
    platforms: Sequence[Platform],
    store: ImageStore,
    *,
    sink: EventSink = discard,
) -> Descriptor:
    """Build a base image for several platforms, and give the name to an index of them, all or nothing.

    Args:
        request: What is built; its name and platform have no meaning.
        name: The name of the index.
        platforms: The platforms, in the order that the index lists them.
        store: Where they go.
        sink: Is told about progress.

    Raises:
        UsageError: The version is missing: the files of each platform could be of another.
        SealerError: The image for a platform can't be built; the others have ended by then.
    """
    if request.version is None:
        raise UsageError(
            "which version is not said", hint="name it with --version, so that it is that of every platform"
        )

    async def one(platform: Platform, told: EventSink) -> StoredImage:
        return await build_base(replace(request, name=None, platform=platform), store, sink=told)

    return await build_index(store, name, platforms, one, sink=sink)


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
