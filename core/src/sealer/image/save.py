"""Saving images of the store as one file: an ``oci-archive``, a tar of an OCI layout that other tools read.

The same images give the same bytes.
"""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from sealer.errors import ImageError, TransportError
from sealer.events import EventSink, TransferProgress, discard
from sealer.image.digest import hex_of
from sealer.image.layout import LAYOUT_MARKER, create_file
from sealer.image.names import StoredName
from sealer.image.oci import REF_NAME, Descriptor, Index, Manifest, parse_document
from sealer.image.reference import Reference
from sealer.image.store import ImageStore
from sealer.model.image import EMPTY


def save(
    store: ImageStore, references: Sequence[Reference | str], output: Path, *, sink: EventSink = discard
) -> int:
    """Save images as one file, which appears when it is complete.

    Of an image for several platforms, those that are in the store are saved.

    Args:
        store: Where they are.
        references: Their names.
        output: The file; what is there is replaced.
        sink: Is told about progress.

    Returns:
        The size of the file in bytes.

    Raises:
        ImageError: There is no such image, or a part of it is missing.
        VerificationError: A blob of the store is damaged.
        TransportError: The file can't be written.
    """
    with store.lease():
        entries = [store.find(reference) for reference in references]
        blobs: dict[str, Descriptor] = {}
        for entry in entries:
            _collect(store, entry, blobs)
        index = Index(manifests=tuple(_root(entry) for entry in entries))
        total = sum(blob.size for blob in blobs.values())

        def report(moved: int) -> None:
            sink(TransferProgress(subject=output.name, host=None, moved=moved, total=total))

        unfinished = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
        try:
            with create_file(unfinished) as file:
                _write(store, index, tuple(blobs.values()), file, report)
            unfinished.replace(output)
        except OSError as error:
            raise TransportError(
                f"the archive can't be written: {error.strerror or error}", place=str(output)
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
    return output.stat().st_size


def _collect(store: ImageStore, entry: StoredName, blobs: dict[str, Descriptor]) -> None:
    """Add what an image needs: manifests first, for who reads the archive as a stream."""
    documents: list[tuple[Descriptor, Manifest]] = []
    root = entry.descriptor
    document = parse_document(store.read_blob(root.digest), root.media_type)
    blobs[root.digest] = root
    if isinstance(document, Manifest):
        documents.append((root, document))
    else:
        for child in filter(store.has_blob, document.manifests):
            manifest = parse_document(store.read_blob(child.digest), child.media_type)
            if not isinstance(manifest, Manifest):
                raise ImageError("an index lists another index, which sealer does not read", place=str(entry))
            documents.append((child, manifest))
    if not documents:
        raise ImageError("none of the images that the index lists is in the local store", place=str(entry))
    blobs.update((descriptor.digest, descriptor) for descriptor, _ in documents)
    for _, manifest in documents:
        blobs.update((blob.digest, blob) for blob in (manifest.config, *manifest.layers))


def _root(entry: StoredName) -> Descriptor:
    named = entry.reference is not None and entry.reference.tag is not None
    return replace(entry.descriptor, annotations={REF_NAME: str(entry.reference)} if named else EMPTY)


def _write(
    store: ImageStore, index: Index, blobs: Sequence[Descriptor], file: BinaryIO, sink: Callable[[int], None]
) -> None:
    """Write the archive; ``sink`` is given the bytes of blobs written so far."""
    moved = 0
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in (("oci-layout", LAYOUT_MARKER), ("index.json", index.encode())):
            archive.addfile(_file(name, len(data)), io.BytesIO(data))
        for name in ("blobs", "blobs/sha256"):
            archive.addfile(_directory(name))
        for blob in blobs:
            if not store.has_blob(blob):
                raise ImageError(f"blob {blob.digest} is not in the local store, or not {blob.size} bytes")
            with store.open_blob(blob.digest) as reader:
                archive.addfile(_file(f"blobs/sha256/{hex_of(blob.digest)}", blob.size), reader)
            moved += blob.size
            sink(moved)


def _file(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry


def _directory(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE
    entry.mode = 0o755
    return entry
