"""Container images that are packed into an image, and the cache in which builds share their blobs."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sealer.build.base_archives import ArchivedImage
from sealer.build.discovery import NamedImage
from sealer.errors import ImageError, SealerError, TransportError, VerificationError
from sealer.events import EventSink, Message, discard
from sealer.image.digest import digest_of, hex_of
from sealer.image.layout import write_atomically
from sealer.image.oci import (
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    encode_json,
    parse_document,
    parse_index,
    parse_json,
)
from sealer.image.platforms import same_platform
from sealer.image.progress import reporting
from sealer.image.reference import Reference, parse_reference
from sealer.image.skopeo import signature_policy
from sealer.image.stored import image_config, platform_of
from sealer.image.transport import Transport
from sealer.model import Platform

CONTAINER_IMAGES = "cache/container-images"
"""Where the cache is, below Sealer's home directory."""

PARALLEL = 4
"""How many container images are fetched at a time."""

_FOREIGN = ("foreign", "nondistributable")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedImage:
    """A container image whose blobs are all in the cache.

    Attributes:
        reference: Its name.
        target: What the name stands for: the manifest, or the list that has it for one platform.
        manifest: The manifest for the platform.
        blobs: Its config and layers.
    """

    reference: Reference
    target: Descriptor
    manifest: Descriptor
    blobs: tuple[Descriptor, ...]


class ContainerImageCache:
    """The blobs of container images that builds have packed, below ``$SEALER_HOME/cache``.

    Args:
        home: Sealer's home directory.
        transport: Asks registries.
        sink: Is told about progress.
    """

    def __init__(self, home: Path, transport: Transport, *, sink: EventSink = discard) -> None:
        self.root = home / CONTAINER_IMAGES
        self._shared = self.root / "blobs"
        self._temporary = self.root / "tmp"
        self._archives = self.root / "archives"
        self._home = home
        self._transport = transport
        self._sink = sink
        self._arrived: set[str] = set()
        for directory in (self._shared / "sha256", self._temporary, self._archives):
            directory.mkdir(parents=True, exist_ok=True)

    def through(self, transport: Transport) -> ContainerImageCache:
        """Return the same cache, which asks registries in another way."""
        same = ContainerImageCache(self._home, transport, sink=self._sink)
        same._arrived = self._arrived
        return same

    def blob(self, digest: str) -> Path:
        """Return where the blob of that digest is, or would be."""
        return self._shared / "sha256" / hex_of(digest)

    def verify(self, digest: str) -> None:
        """Read a blob to the end, unless it has arrived in this build: skopeo has checked it then.

        Raises:
            VerificationError: Its content does not have the digest; it is removed from the cache.
        """
        if digest in self._arrived:
            return
        path = self.blob(digest)
        with path.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != digest:
            path.unlink(missing_ok=True)
            raise VerificationError(
                f"blob {digest} in the cache of container images is damaged",
                hint="build again: it has been removed, and will be fetched anew",
            )

    async def fetch_all(
        self,
        images: Sequence[NamedImage],
        platform: Platform,
        arrived: Callable[[PackedImage], None] = lambda image: None,
    ) -> tuple[PackedImage, ...]:
        """Fetch images from their registries, several at a time, and return them in the same order.

        Args:
            images: The images.
            platform: The platform of those that are for several.
            arrived: Is given each image as soon as it is there.

        Raises:
            TransportError: Images can't be had; the message names them all.
            ImageError: There is none for the platform, or it is malformed.
        """
        places = asyncio.Semaphore(PARALLEL)

        async def one(image: NamedImage) -> PackedImage | SealerError:
            async with places:
                try:
                    found = await self.fetch(image.reference, platform)
                except SealerError as error:
                    message = f"{image.reference}: {error.message}{_naming(image)}"
                    return TransportError(message, hint=error.hint)
            arrived(found)
            return found

        results = await asyncio.gather(*(one(image) for image in images))
        failures = [result for result in results if isinstance(result, SealerError)]
        if failures:
            lines = "\n".join(f"  {failure.message}" for failure in failures)
            message = (
                failures[0].message if len(failures) == 1 else f"container images can't be had:\n{lines}"
            )
            raise TransportError(message, hint=failures[0].hint)
        return tuple(result for result in results if isinstance(result, PackedImage))

    async def fetch(self, reference: Reference, platform: Platform) -> PackedImage:
        """Fetch what the cache lacks of an image.

        The registry is asked what a tag stands for; a digest that the cache has needs no registry at all.

        Raises:
            TransportError: The registry can't be asked, or has no such image.
            VerificationError: It sent something with another digest than announced.
            ImageError: There is none for the platform, or it is malformed.
        """
        data = await self._manifest(reference)
        document = parse_document(data)
        target = Descriptor(media_type=document.media_type, digest=digest_of(data), size=len(data))
        if isinstance(document, Manifest):
            return await self._contents(reference, target, target, document, platform)
        child = _choose(document, platform)
        data = await self._manifest(reference.with_digest(child.digest))
        manifest = parse_document(data, child.media_type)
        if not isinstance(manifest, Manifest):
            raise ImageError("an index lists another index, which sealer does not read")
        return await self._contents(reference, target, child, manifest, platform)

    async def take_archived(self, image: ArchivedImage) -> PackedImage:
        """Put an image of an archive into the cache, its layers compressed.

        The same image of the same archive is taken once.

        Raises:
            TransportError: The archive can't be read.
        """
        known = self._archives / await asyncio.to_thread(_fingerprint, image)
        remembered = self._remembered(known)
        if remembered is None:
            with tempfile.TemporaryDirectory(dir=self._temporary) as directory:
                layout = Path(directory) / "layout"
                await self._transport.skopeo.run(
                    (
                        *signature_policy(),
                        "copy",
                        "--quiet",
                        f"--dest-shared-blob-dir={self._shared}",
                        f"{image.transport}:{image.archive}:{image.written}",
                        f"oci:{layout}:image",
                    ),
                    subject=f"{image.name} in {image.archive}",
                )
                remembered = parse_index((layout / "index.json").read_bytes()).manifests[0]
            write_atomically(known, encode_json(remembered.digest), self._temporary)
        data = self.blob(remembered.digest).read_bytes()
        manifest = parse_document(data, remembered.media_type)
        if not isinstance(manifest, Manifest):
            raise ImageError("the archive holds a list of images", place=str(image.archive))
        return PackedImage(
            reference=parse_reference(image.name),
            target=remembered,
            manifest=remembered,
            blobs=(manifest.config, *manifest.layers),
        )

    async def _manifest(self, reference: Reference) -> bytes:
        """Return a manifest or list, and see that the cache has it."""
        if reference.digest is not None:
            with suppress(FileNotFoundError):
                data = self.blob(reference.digest).read_bytes()
                if digest_of(data) == reference.digest:
                    return data
        data = await self._transport.inspect_raw(reference)
        write_atomically(self.blob(digest_of(data)), data, self._temporary)
        return data

    async def _contents(
        self,
        reference: Reference,
        target: Descriptor,
        manifest: Descriptor,
        document: Manifest,
        platform: Platform,
    ) -> PackedImage:
        exact = reference.with_digest(manifest.digest)
        layers = tuple(layer for layer in document.layers if not _is_foreign(layer))
        # Of an OCI image skopeo copies the config as it is; Docker's it would rewrite.
        rewrite = document.media_type != OCI_MANIFEST
        if rewrite and not self._has(document.config):
            data = await self._transport.inspect_config(exact)
            if digest_of(data) != document.config.digest:
                raise VerificationError(f"{exact.domain} sent a config with another digest for {exact}")
            write_atomically(self.blob(document.config.digest), data, self._temporary)
        wanted = layers if rewrite else (document.config, *layers)
        missing = {blob.digest: blob.size for blob in wanted if not self._has(blob)}
        if missing:
            await self._fetch_blobs(reference, exact, missing, rewrite=rewrite)
        self._check_platform(reference, document.config, platform)
        return PackedImage(
            reference=reference, target=target, manifest=manifest, blobs=(document.config, *layers)
        )

    async def _fetch_blobs(
        self, reference: Reference, exact: Reference, missing: Mapping[str, int], *, rewrite: bool
    ) -> None:
        for digest in missing:
            # One of another size was cut off by a crash of the machine, and would be taken for the blob.
            self.blob(digest).unlink(missing_ok=True)

        def arrived() -> int:
            return sum(size for digest, size in missing.items() if self.blob(digest).exists())

        with tempfile.TemporaryDirectory(dir=self._temporary) as directory:
            async with reporting(
                arrived, subject=str(reference), total=sum(missing.values()), sink=self._sink
            ):
                await self._transport.copy_layers(
                    exact,
                    Path(directory) / "layout",
                    self._shared,
                    rewrite=rewrite,
                )
        absent = [digest for digest in missing if not self.blob(digest).exists()]
        if absent:
            raise TransportError(f"{exact.domain} did not send blob {absent[0]} of {reference}")
        self._arrived.update(missing)

    def _check_platform(self, reference: Reference, config: Descriptor, platform: Platform) -> None:
        found = platform_of(image_config(self.blob(config.digest).read_bytes()))
        if (found.os, found.architecture) != (platform.os, platform.architecture):
            text = f"{reference} is for {found} only, but the image is built for {platform}"
            self._sink(Message(text=text, warning=True))

    def _has(self, descriptor: Descriptor) -> bool:
        path = self.blob(descriptor.digest)
        return path.exists() and path.stat().st_size == descriptor.size

    def _remembered(self, known: Path) -> Descriptor | None:
        """Return the manifest that an archive's image has become, if all its blobs are still there."""
        try:
            digest = parse_json(known.read_bytes(), known.name)
            data = self.blob(str(digest)).read_bytes()
            document = parse_document(data)
        except (FileNotFoundError, ImageError):
            return None
        if not isinstance(document, Manifest) or digest_of(data) != digest:
            return None
        if not all(self._has(blob) for blob in (document.config, *document.layers)):
            return None
        return Descriptor(media_type=document.media_type, digest=str(digest), size=len(data))


def _naming(image: NamedImage) -> str:
    """Say who names an image: files of applications are not told from others by their names alone."""
    if image.place is None:
        return f" (the application {image.app} names it)" if image.app else ""
    return f" ({image.place}{f' of the application {image.app}' if image.app else ''} names it)"


def _choose(index: Index, platform: Platform) -> Descriptor:
    offered = [entry for entry in index.manifests if entry.platform and entry.platform.os != "unknown"]
    for entry in offered:
        if entry.platform and same_platform(entry.platform, platform):
            return entry
    listed = ", ".join(str(entry.platform) for entry in offered) or "nothing"
    raise ImageError(
        f"there is no image for {platform}: the list has {listed}",
        hint="build for one of these platforms, or leave the container image out",
    )


def _is_foreign(layer: Descriptor) -> bool:
    """Tell whether a layer stays with its vendor: registries have no copy (OCI image-spec, layer.md)."""
    return any(word in layer.media_type for word in _FOREIGN)


def _fingerprint(image: ArchivedImage) -> str:
    with image.archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(f"\0{image.transport}\0{image.written}".encode())
    return digest.hexdigest()
