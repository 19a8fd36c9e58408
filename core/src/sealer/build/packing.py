"""Pack container images: fetch them, and write their layers while others are still on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sealer.build.blocks import Layer
from sealer.build.container_images import ContainerImageCache, PackedImage
from sealer.build.discovery import NamedImage
from sealer.build.inputs import BuildInput
from sealer.build.layer_plans import LayerPlan
from sealer.build.parent import RegistryContent, registry_content
from sealer.build.registry_tree import large_blobs, registry_layers, registry_plan
from sealer.image.store import ImageStore
from sealer.image.transport import Transport

_WRITERS = 4

Write = Callable[[Sequence[LayerPlan]], tuple[Layer, ...]]


class Packing:
    """The container images of one build.

    Args:
        store: Where layers go; it also has the parent.
        order: What is built.
        cache: Fetches and keeps blobs.
        write: Writes layers; called in threads.
        stop: Makes ``write`` end early.

    Attributes:
        digests: What the name of each image stands for, once they are packed.
    """

    def __init__(
        self,
        store: ImageStore,
        order: BuildInput,
        cache: ContainerImageCache,
        write: Write,
        stop: Callable[[], None],
    ) -> None:
        self._store = store
        self._order = order
        self._cache = cache
        self._write = write
        self._stop = stop
        self.digests: Mapping[str, str] = {}
        self._held = RegistryContent()
        self._places = asyncio.Semaphore(_WRITERS)
        self._early: dict[str, asyncio.Task[Layer]] = {}

    async def pack(
        self, images: Sequence[NamedImage], room: int, transport: Transport, workspace: Path
    ) -> tuple[Layer, ...]:
        """Return the layers with what images add to the registry of the parent.

        Args:
            images: The images that something names.
            room: How many layers there may be.
            transport: Asks registries, those of images with credentials of their own with these.
            workspace: A directory for what the build needs on the way.

        Raises:
            TransportError: Images can't be had.
            ImageError: A layer can't be written, or an image is malformed.
        """
        names = {str(image.reference): image for image in images}
        parent = self._order.parent
        archived = {archive.name: archive for archive in self._order.archived}
        archived |= {archive.name: archive for archive in self._order.available if archive.name in names}
        held = {image.image for image in parent.metadata.container_images} if parent else ()
        wanted = {name: image for name, image in names.items() if name not in archived and name not in held}
        if not archived and not wanted:
            return ()
        if parent is not None:
            self._held = await asyncio.to_thread(registry_content, self._store, parent)
        spare = room - len(wanted) - len(archived)

        def arrived(image: PackedImage) -> None:
            self._begin(image, spare)

        try:
            packed = await self._fetched(wanted, transport, workspace, arrived)
            packed += [await self._cache.take_archived(archive) for archive in archived.values()]
            self.digests = {str(image.reference): image.target.digest for image in packed}
            return await self._layers(packed, room)
        except BaseException:
            # Threads can't be cancelled: what they write looks at this at every block.
            self._stop()
            raise
        finally:
            await asyncio.gather(*self._early.values(), return_exceptions=True)

    async def _fetched(
        self,
        wanted: Mapping[str, NamedImage],
        transport: Transport,
        workspace: Path,
        arrived: Callable[[PackedImage], None],
    ) -> list[PackedImage]:
        """Fetch images, those with credentials of their own with these."""
        left = dict(wanted)
        fetched: list[PackedImage] = []
        for number, section in enumerate(self._order.authorised):
            own = [left.pop(name) for name in section.images if name in left]
            if own:
                authfile = workspace / f"auth-{number}.json"
                section.write(authfile)
                through = self._cache.through(transport.with_credentials(authfile))
                fetched += await through.fetch_all(own, self._order.platform, arrived)
        rest = await self._cache.fetch_all(list(left.values()), self._order.platform, arrived)
        return [*fetched, *rest]

    def _begin(self, image: PackedImage, spare: int) -> None:
        """Begin to write the layers of large blobs, which depend on nothing that is not known yet."""
        for layer in large_blobs(image, self._held):
            digest = layer.files[0].blob
            if digest not in self._early and len(self._early) < spare:
                plan = registry_plan(layer, self._cache)
                self._early[digest] = asyncio.create_task(self._write_early(plan))

    async def _write_early(self, plan: LayerPlan) -> Layer:
        async with self._places:
            (layer,) = await asyncio.to_thread(self._write, [plan])
        return layer

    async def _layers(self, packed: Sequence[PackedImage], room: int) -> tuple[Layer, ...]:
        plans = [registry_plan(layer, self._cache) for layer in registry_layers(packed, self._held, room)]
        begun = [plan.alone in self._early for plan in plans]
        others = [plan for plan, early in zip(plans, begun, strict=True) if not early]
        written = iter(await asyncio.to_thread(self._write, others))
        return tuple(
            [
                await self._early[plan.alone] if early else next(written)
                for plan, early in zip(plans, begun, strict=True)
            ]
        )
