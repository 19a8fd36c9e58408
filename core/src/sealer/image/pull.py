"""Pulling an image from a registry into the store, byte for byte, fetching only blobs the store lacks."""

from __future__ import annotations

import asyncio
import enum

from sealer.errors import ImageError, VerificationError
from sealer.events import EventSink, discard
from sealer.image.digest import digest_of
from sealer.image.layout import store_access
from sealer.image.oci import OCI_MANIFEST, Descriptor, Manifest, parse_document
from sealer.image.platforms import choose_image, images_of, same_platform
from sealer.image.progress import reporting
from sealer.image.reference import Reference, parse_reference
from sealer.image.staging import Staging
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage, image_config, platform_of
from sealer.image.transport import Transport
from sealer.image.usage import written_below
from sealer.model import Platform


class PullPolicy(enum.StrEnum):
    """When to ask the registry for an image that the store may have. Blobs are never fetched twice anyway."""

    ALWAYS = "always"
    IF_NEWER = "ifnewer"
    MISSING = "missing"
    NEVER = "never"


async def pull(
    store: ImageStore,
    reference: Reference | str,
    *,
    platform: Platform | None = None,
    every_platform: bool = False,
    skip_tls_verify: bool = False,
    sink: EventSink = discard,
) -> str:
    """Pull an image and enter it in the store under its name.

    A name that stands for several platforms gets the registry's index in the store, and of what the index
    lists the image of one platform; other platforms can be pulled later.

    Args:
        store: Where it goes.
        reference: Its name.
        platform: The platform; None means this machine's, or whatever there is when there is one only.
        every_platform: Whether to pull the images of all platforms.
        skip_tls_verify: Whether to accept any certificate, and plain HTTP.
        sink: Is told about progress and retries.

    Returns:
        The digest that the name stands for in the registry, and now in the store.

    Raises:
        TransportError: The registry can't be asked, or has no such image.
        VerificationError: The registry sent something else than it announced.
        ImageError: There is no image for the platform, or it is malformed.
    """
    name = parse_reference(reference) if isinstance(reference, str) else reference
    transport = Transport(store.home, skip_tls_verify=skip_tls_verify, sink=sink)
    data = await transport.inspect_raw(name)
    document = parse_document(data)
    entry = None if name.tag is None else Reference(domain=name.domain, path=name.path, tag=name.tag)
    with store_access(store.layout), Staging(store, keep=True) as staging:
        getter = _Getter(store, transport, staging, name, sink)
        if isinstance(document, Manifest):
            await getter.get(document, data, platform)
            target = store.put_manifest(None, data)
        else:
            if every_platform:
                chosen = images_of(document)
            else:
                chosen = (choose_image(document, platform, place=str(name)),)
            for child in chosen:
                await getter.get_child(child)
            target = store.put_index(None, data, partial=True)
        store.enter(entry, target)
    return target.digest


async def ensure(
    store: ImageStore,
    reference: Reference | str,
    *,
    platform: Platform | None = None,
    policy: PullPolicy = PullPolicy.MISSING,
    skip_tls_verify: bool = False,
    sink: EventSink = discard,
) -> StoredImage:
    """Return an image of the store, pulled first if the policy says so.

    Raises:
        TransportError: The registry can't be asked, or has no such image.
        VerificationError: Something has another digest than it should.
        ImageError: There is no such image for the platform, or it is malformed.
    """
    if policy in {PullPolicy.MISSING, PullPolicy.NEVER}:
        try:
            return store.resolve(reference, platform)
        except VerificationError:
            raise
        except ImageError:
            if policy is PullPolicy.NEVER:
                raise
    await pull(store, reference, platform=platform, skip_tls_verify=skip_tls_verify, sink=sink)
    return store.resolve(reference, platform)


async def complete(
    store: ImageStore,
    reference: Reference | str,
    platform: Platform,
    *,
    skip_tls_verify: bool = False,
    sink: EventSink = discard,
) -> None:
    """Pull the image for a further platform, where an index of the store lists one that the store lacks.

    The index is asked for by its digest: the name may mean another one in the registry by now.

    Raises:
        TransportError: The registry can't be asked, or has it no more.
        VerificationError: Something has another digest than it should.
        ImageError: The store has no such name.
    """
    entry = store.find(reference)
    document = parse_document(store.read_blob(entry.digest), entry.descriptor.media_type)
    if entry.reference is None or isinstance(document, Manifest):
        return
    wanted = [
        child for child in images_of(document) if child.platform and same_platform(platform, child.platform)
    ]
    if wanted and not store.has_blob(wanted[0]):
        name = entry.reference.with_digest(entry.digest)
        await pull(store, name, platform=platform, skip_tls_verify=skip_tls_verify, sink=sink)


class _Getter:
    """Gets manifests of one repository with everything they name."""

    def __init__(
        self, store: ImageStore, transport: Transport, staging: Staging, name: Reference, sink: EventSink
    ) -> None:
        self._store = store
        self._transport = transport
        self._staging = staging
        self._name = name
        self._sink = sink

    async def get_child(self, child: Descriptor) -> None:
        """Get what an index lists."""
        if self._staging.borrow(child):
            data = self._staging.blob(child.digest).read_bytes()
        else:
            data = await self._transport.inspect_raw(self._name.with_digest(child.digest))
        document = parse_document(data, child.media_type)
        if not isinstance(document, Manifest):
            raise ImageError(
                "an index lists another index, which sealer does not read", place=str(self._name)
            )
        await self.get(document, data, child.platform)
        self._store.put_manifest(None, data)

    async def get(self, manifest: Manifest, data: bytes, platform: Platform | None) -> None:
        """Get a config and layers, and put them into the store."""
        exact = self._name.with_digest(digest_of(data))
        await self._get_config(exact, manifest.config, platform)
        borrowed = await asyncio.to_thread(lambda: [self._staging.borrow(layer) for layer in manifest.layers])
        missing = {
            layer.digest: layer.size
            for layer, there in zip(manifest.layers, borrowed, strict=True)
            if not there
        }
        if missing:
            before = written_below(self._staging.path)
            async with reporting(
                lambda: written_below(self._staging.path) - before,
                subject=str(self._name),
                total=sum(missing.values()),
                sink=self._sink,
            ):
                await self._transport.copy_layers(
                    exact,
                    self._staging.path / "layout",
                    self._staging.shared,
                    rewrite=manifest.media_type != OCI_MANIFEST,
                )
        await asyncio.to_thread(self._staging.publish, (manifest.config, *manifest.layers))

    async def _get_config(self, exact: Reference, config: Descriptor, platform: Platform | None) -> None:
        if self._staging.borrow(config):
            data = self._staging.blob(config.digest).read_bytes()
        else:
            data = await self._transport.inspect_config(exact)
            if digest_of(data) != config.digest:
                raise VerificationError(
                    f"{exact.domain} sent a config with digest {digest_of(data)} in place of {config.digest}"
                )
            self._staging.add(data)
        found = platform_of(image_config(data))
        if platform is not None and not same_platform(platform, found):
            raise ImageError(
                f"the image is for {found}, not for {platform}",
                place=str(self._name),
                hint=f"pull it for that platform: --platform {found}",
            )
