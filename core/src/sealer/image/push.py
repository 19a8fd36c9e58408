"""Pushing an image of the store to a registry, with the digests it has in the store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sealer.errors import ImageError, TransportError, VerificationError
from sealer.events import EventSink, discard
from sealer.image.digest import hex_of
from sealer.image.layout import store_access
from sealer.image.oci import Descriptor, Manifest, parse_document
from sealer.image.progress import ReadOffsets, reporting
from sealer.image.reference import Reference, parse_reference
from sealer.image.store import ImageStore
from sealer.image.transport import RETRIES, Transport
from sealer.model import Platform


async def push(
    store: ImageStore,
    reference: Reference | str,
    destination: Reference | str | None = None,
    *,
    platform: Platform | None = None,
    index_only: bool = False,
    skip_tls_verify: bool = False,
    sink: EventSink = discard,
) -> str:
    """Push an image, for all its platforms or one; blobs that the registry has are not sent.

    Args:
        store: Where it is.
        reference: Its name in the store.
        destination: Its name in the registry; None means the name in the store.
        platform: The only platform to push for: what the name stands for then is one image, no index.
        index_only: Whether of an index, only the index itself is pushed; the registry has what it lists.
        skip_tls_verify: Whether to accept any certificate, and plain HTTP.
        sink: Is told about progress and retries.

    Returns:
        The digest, in the store and now in the registry.

    Raises:
        ImageError: There is no such image, or a part of it was never pulled.
        VerificationError: A blob of the store is damaged; nothing is sent.
        TransportError: The registry can't be reached or refuses.
    """
    entry = store.find(reference)
    root = entry.descriptor if platform is None else store.resolve(reference, platform).descriptor
    target = _target(entry.reference if destination is None else destination)
    transport = Transport(store.home, skip_tls_verify=skip_tls_verify, sink=sink)
    with (
        store_access(store.layout),
        store.lease(),
        tempfile.TemporaryDirectory(dir=store.layout.temporary) as name,
    ):
        directory = Path(name)
        sizes = await asyncio.to_thread(
            _arrange, store, root, str(entry), directory / "image", index_only=index_only
        )
        offsets = ReadOffsets(sizes)
        process = 0

        def started(number: int) -> None:
            nonlocal process
            process = number

        digest_file = directory / "digest"
        async with reporting(
            lambda: offsets.read_by(process) if process else 0,
            subject=str(target),
            total=sum(sizes.values()),
            sink=sink,
        ):
            await transport.skopeo.run(
                (
                    # What is pushed was verified above; a policy for what is pulled has no say in it.
                    "--insecure-policy",
                    "copy",
                    "--quiet",
                    "--multi-arch=index-only" if index_only else "--all",
                    "--preserve-digests",
                    f"--retry-times={RETRIES}",
                    f"--digestfile={digest_file}",
                    *transport.access.flags(target.domain, "dest-"),
                    f"dir:{directory / 'image'}",
                    f"docker://{target}",
                ),
                subject=str(target),
                domain=target.domain,
                started=started,
            )
        pushed = digest_file.read_text().strip()
    if pushed != root.digest:
        raise VerificationError(f"{target} was stored as {pushed}, not as {root.digest}")
    return pushed


def _target(destination: Reference | str | None) -> Reference:
    if destination is None:
        raise ImageError(
            "the image has no name, so it is not clear where to push it", hint="name a destination"
        )
    target = parse_reference(destination) if isinstance(destination, str) else destination
    if target.digest is not None:
        raise TransportError(
            f"{target} has a digest, so nothing can be pushed to it", hint="use a tag instead"
        )
    return target


def _arrange(
    store: ImageStore, root: Descriptor, name: str, directory: Path, *, index_only: bool
) -> dict[Path, int]:
    """Lay an image out in skopeo's ``dir`` format, which keeps bytes as they are, as links into the store.

    Returns:
        The size of each blob, by the path of its file.
    """
    directory.mkdir()
    (directory / "version").write_text("Directory Transport Version: 1.1\n")
    sizes: dict[Path, int] = {}
    (directory / "manifest.json").symlink_to(store.verified_blob(root.digest))
    if index_only:
        return sizes
    for manifest, data in _manifests(store, root, name):
        if manifest.digest != root.digest:
            place = directory / f"{hex_of(manifest.digest)}.manifest.json"
            place.symlink_to(store.verified_blob(manifest.digest))
        for blob in (data.config, *data.layers):
            path = store.verified_blob(blob.digest)
            if path not in sizes:
                (directory / hex_of(blob.digest)).symlink_to(path)
                sizes[path] = blob.size
    return sizes


def _manifests(store: ImageStore, root: Descriptor, name: str) -> Iterator[tuple[Descriptor, Manifest]]:
    document = parse_document(store.read_blob(root.digest), root.media_type)
    if isinstance(document, Manifest):
        yield root, document
        return
    missing = [child for child in document.manifests if not store.has_blob(child)]
    if missing:
        platforms = ", ".join(str(child.platform) for child in missing)
        raise ImageError(
            f"the image is not complete: {platforms} is not in the local store",
            place=name,
            hint=f"get all of it with `sealer pull --platform all {name}`",
        )
    for child in document.manifests:
        yield from _manifests(store, child, name)
