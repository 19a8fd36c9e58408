"""Build images for several platforms at once; they get one name, that of an index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sealer.build.kubefile_build import BuildRequest, build_kubefile, tagged_name
from sealer.errors import ImageError, SealerError
from sealer.events import Event, EventSink, Message, TransferProgress, discard
from sealer.image.oci import Descriptor, Index
from sealer.image.platforms import same_platform
from sealer.image.reference import Reference
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
    """Build a Kubefile for several platforms, and put an index of them into the store, all or nothing.

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

    async def one(platform: Platform, told: EventSink) -> StoredImage:
        return await build_kubefile(store, replace(request, name=None, platform=platform), types, sink=told)

    return await build_index(store, tagged_name(request.name or ""), platforms, one, sink=sink)


async def build_index(
    store: ImageStore,
    name: Reference,
    platforms: Sequence[Platform],
    build: Callable[[Platform, EventSink], Coroutine[Any, Any, StoredImage]],
    *,
    sink: EventSink = discard,
) -> Descriptor:
    """Build an image for each of several platforms, all at a time, and put an index of them into the store.

    Args:
        store: Where they go.
        name: The name of the index.
        platforms: The platforms, in the order that the index lists them.
        build: Builds the image for one, without a name; its sink says which platform it is about.
        sink: Is told about progress.

    Returns:
        The descriptor of the index.

    Raises:
        ImageError: A platform is named twice.
        SealerError: The build for a platform failed; the others have ended by then.
    """
    for number, platform in enumerate(platforms):
        if any(same_platform(platform, other) for other in platforms[:number]):
            raise ImageError(f"{platform} is named twice", hint="name each platform once")
    with store.lease():
        builds = [asyncio.create_task(build(platform, _named(sink, platform))) for platform in platforms]
        try:
            await asyncio.wait(builds, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in builds:
                task.cancel()
            await asyncio.gather(*builds, return_exceptions=True)
        for task, platform in zip(builds, platforms, strict=True):
            error = None if task.cancelled() else task.exception()
            if isinstance(error, SealerError):
                sink(Message(text=f"the build for {platform} failed", warning=True))
            if error is not None:
                raise error
        images = [task.result() for task in builds]
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
