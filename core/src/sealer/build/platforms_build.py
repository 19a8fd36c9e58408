"""Build one Kubefile for several platforms at once; the images get one name, that of an index."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sealer.build.kubefile_build import BuildRequest, build_kubefile, tagged_name
from sealer.errors import ImageError, SealerError
from sealer.events import Event, EventSink, Message, TransferProgress, discard
from sealer.image.oci import Descriptor, Index
from sealer.image.platforms import same_platform
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import Platform
from sealer.providers import AppType


async def build_platforms(
    store: ImageStore,
    request: BuildRequest,
    platforms: Sequence[Platform],
    types: Mapping[str, AppType],
    *,
    sink: EventSink = discard,
) -> Descriptor:
    """Build images for several platforms, and put an index of them into the store, all or nothing.

    Args:
        store: Where they go.
        request: What is built; its platform has no meaning.
        platforms: The platforms, in the order that the index lists them.
        types: The application types by name.
        sink: Is told about progress.

    Returns:
        The descriptor of the index.

    Raises:
        SealerError: The build for a platform failed; the others have ended by then.
    """
    name = tagged_name(request.name or "")
    for number, platform in enumerate(platforms):
        if any(same_platform(platform, other) for other in platforms[:number]):
            raise ImageError(f"{platform} is named twice")

    async def one(platform: Platform) -> StoredImage:
        wanted = replace(request, name=None, platform=platform)
        return await build_kubefile(store, wanted, types, sink=_named(sink, platform))

    with store.lease():
        builds = [asyncio.create_task(one(platform)) for platform in platforms]
        try:
            await asyncio.wait(builds, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for build in builds:
                build.cancel()
            await asyncio.gather(*builds, return_exceptions=True)
        for build, platform in zip(builds, platforms, strict=True):
            error = None if build.cancelled() else build.exception()
            if isinstance(error, SealerError):
                sink(Message(text=f"the build for {platform} failed", warning=True))
            if error is not None:
                raise error
        images = [build.result() for build in builds]
        index = Index(manifests=tuple(image.descriptor for image in images))
        return await asyncio.to_thread(store.put_index, name, index)


def _named(sink: EventSink, platform: Platform) -> EventSink:
    """Return a sink that says of everything which platform it is about."""

    def named(event: Event) -> None:
        if isinstance(event, TransferProgress):
            event = replace(event, subject=f"{event.subject} ({platform})")
        elif isinstance(event, Message):
            event = replace(event, text=f"{event.text} ({platform})")
        sink(event)

    return named
