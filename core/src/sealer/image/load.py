"""Loading images from one file, an ``oci-archive``: every digest is checked before the store changes."""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sealer.errors import ImageError, TransportError
from sealer.events import EventSink, TransferProgress, discard
from sealer.image.blobs import CHUNK
from sealer.image.layout import store_access
from sealer.image.names import StoredName
from sealer.image.oci import REF_NAME, Descriptor, Manifest, parse_document, parse_index
from sealer.image.reference import Reference, parse_reference
from sealer.image.staging import Staging
from sealer.image.store import ImageStore
from sealer.model.image import EMPTY

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_FULL_NAME = "io.containerd.image.name"
_MAXIMUM_INDEX = 16 << 20
_HINT = "get the file again; nothing of it was taken over"


def load(
    store: ImageStore, archive: Path, *, name: Reference | str | None = None, sink: EventSink = discard
) -> tuple[StoredName, ...]:
    """Load the images of an archive, which may be compressed with gzip, bzip2 or xz.

    Args:
        store: Where they go.
        archive: The file.
        name: A name for the only image, in place of the one in the archive.
        sink: Is told about progress.

    Returns:
        The entries of the store. One without a name can be found by its digest.

    Raises:
        TransportError: The file can't be read.
        ImageError: It is not an archive of images, it is incomplete, or it holds what does not belong there.
        VerificationError: A blob does not have its digest or size. In no case has a name changed.
    """
    reference = parse_reference(name) if isinstance(name, str) else name
    try:
        file = archive.open("rb")
    except OSError as error:
        raise TransportError(f"can't be read: {error.strerror}", place=str(archive)) from error
    with file, store_access(store.layout), Staging(store) as staging, _place(archive):
        size = archive.stat().st_size

        def report() -> None:
            sink(TransferProgress(subject=archive.name, host=None, moved=file.tell(), total=size))

        roots = parse_index(_unpack(file, staging, report)).manifests
        if reference is not None and len(roots) != 1:
            raise ImageError(f"{reference} can't be the name of {len(roots)} images")
        _publish(store, staging, roots)
        entries = [
            StoredName(reference=reference or _name_of(root), descriptor=replace(root, annotations=EMPTY))
            for root in roots
        ]
        for entry in entries:
            store.enter(entry.reference, entry.descriptor)
    return tuple(entries)


@contextmanager
def _place(archive: Path) -> Iterator[None]:
    """Say of every error which archive it is about."""
    try:
        yield
    except ImageError as error:
        raise type(error)(error.message, place=str(archive), hint=_HINT) from error
    except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
        raise ImageError(
            f"the archive is damaged or not complete: {error}", place=str(archive), hint=_HINT
        ) from error


def _unpack(file: BinaryIO, staging: Staging, report: Callable[[], None]) -> bytes:
    """Gather the blobs of an archive, each checked; return the index of its layout."""
    index: bytes | None = None
    seen: set[str] = set()
    with tarfile.open(fileobj=file, mode="r|*", bufsize=CHUNK) as archive:
        for entry in archive:
            name = _checked_name(entry)
            content = archive.extractfile(entry) if entry.isreg() else None
            seen.add(name)
            if content is None:
                continue
            blob = _BLOB.fullmatch(name)
            if blob is not None:
                try:
                    staging.receive(f"sha256:{blob[1]}", content, report)
                except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
                    raise ImageError(f"blob sha256:{blob[1]} is cut off: {error}") from error
            elif name == "index.json":
                index = content.read(_MAXIMUM_INDEX)
    if index is None:
        raise ImageError("it is not an OCI archive: it has no index.json" + _explanation(seen))
    return index


def _checked_name(entry: tarfile.TarInfo) -> str:
    """Return the path of an entry below the archive's root.

    Raises:
        ImageError: It is outside, or it is neither a file nor a directory.
    """
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageError(f"the archive has an entry outside its root: {entry.name!r}")
    if not (entry.isreg() or entry.isdir()):
        raise ImageError(f"the archive has a link or a device: {entry.name!r}")
    return str(path)


def _explanation(seen: set[str]) -> str:
    if "manifest.json" in seen:
        return "; `skopeo copy docker-archive:FILE oci-archive:OTHER` makes one of what `docker save` wrote"
    if "Metadata" in seen:
        return "; unpack it with tar, and load each of the archives in it"
    return ""


def _publish(store: ImageStore, staging: Staging, roots: Iterable[Descriptor]) -> None:
    """Put all blobs that the images need into the store.

    Raises:
        ImageError: A blob is missing, or a manifest is malformed.
        VerificationError: A blob has another size than its descriptor says.
    """
    manifests: list[bytes] = []
    indexes: list[bytes] = []
    needed: list[Descriptor] = []
    waiting = [(root, True) for root in roots]
    for descriptor, required in waiting:
        if not required and not staging.blob(descriptor.digest).exists():
            # An image for a platform that whoever saved it did not have.
            continue
        needed.append(descriptor)
        data = staging.read(descriptor)
        document = parse_document(data, descriptor.media_type)
        if isinstance(document, Manifest):
            needed.extend((document.config, *document.layers))
            manifests.append(data)
        else:
            indexes.append(data)
            waiting.extend((child, False) for child in document.manifests)
    staging.publish(needed)
    for data in manifests:
        store.put_manifest(None, data)
    for data in indexes:
        store.put_index(None, data, partial=True)


def _name_of(root: Descriptor) -> Reference | None:
    """Return the full name an archive gives an image, if it gives one: many give a tag alone."""
    text = root.annotations.get(_FULL_NAME) or root.annotations.get(REF_NAME) or ""
    if not any(mark in text for mark in "/:"):
        return None
    try:
        return parse_reference(text)
    except ImageError:
        return None
