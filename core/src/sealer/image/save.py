"""Saving images of the store for a journey: as one file, as parts of it, or as a directory.

The same images give the same bytes.
"""

from __future__ import annotations

import enum
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sealer.errors import ImageError, TransportError, UsageError
from sealer.events import EventSink, TransferProgress, discard
from sealer.image.blobs import CHUNK
from sealer.image.digest import hex_of
from sealer.image.docker_archive import MANIFEST, docker_manifest
from sealer.image.layout import LAYOUT_MARKER, create_file
from sealer.image.names import StoredName
from sealer.image.oci import REF_NAME, Descriptor, Index, Manifest, parse_document
from sealer.image.parts import PartWriter
from sealer.image.reference import Reference
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.model.image import EMPTY


class SaveFormat(enum.StrEnum):
    """What images are saved as."""

    OCI_ARCHIVE = "oci-archive"
    OCI_DIRECTORY = "oci-dir"
    DOCKER_ARCHIVE = "docker-archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What is saved: documents by path, then blobs."""

    documents: tuple[tuple[str, bytes], ...]
    blobs: tuple[Descriptor, ...]


class _Output(Protocol):
    def write(self, data: bytes | memoryview, /) -> int: ...


def save(
    store: ImageStore,
    references: Sequence[Reference | str],
    output: Path,
    *,
    form: SaveFormat = SaveFormat.OCI_ARCHIVE,
    platform: Platform | None = None,
    maximum_part: int | None = None,
    sink: EventSink = discard,
) -> int:
    """Save images; file, parts or directory appear when they are complete.

    Of an image for several platforms, those that are in the store are saved; docker's format has one.

    Args:
        store: Where they are.
        references: Their names.
        output: The file or directory. A file that is there is replaced.
        form: What they are saved as.
        platform: The only platform to save; None means all, in docker's format this machine's.
        maximum_part: The largest size of a part in bytes, or None for one file.
        sink: Is told about progress.

    Returns:
        The bytes that were written.

    Raises:
        UsageError: A directory is to be cut into parts.
        ImageError: There is no such image, or a part of it is missing.
        VerificationError: A blob of the store is damaged.
        TransportError: The output can't be written, or is a directory that is not empty.
    """
    if form is SaveFormat.OCI_DIRECTORY and maximum_part is not None:
        raise UsageError("a directory is not cut into parts", hint="save an archive, or leave the limit out")
    with store.lease():
        content = _content(store, references, form, platform)
        total = sum(blob.size for blob in content.blobs)

        def report(moved: int) -> None:
            sink(TransferProgress(subject=output.name, host=None, moved=moved, total=total))

        try:
            if form is SaveFormat.OCI_DIRECTORY:
                return _write_directory(store, content, output, report)
            if maximum_part is not None:
                with PartWriter(output, maximum_part) as parts:
                    _write_archive(store, content, parts, report)
                    return parts.commit()
            with _unfinished(output) as path:
                with create_file(path) as file:
                    _write_archive(store, content, file, report)
                path.replace(output)
            return output.stat().st_size
        except OSError as error:
            raise TransportError(
                f"the archive can't be written: {error.strerror or error}", place=str(output)
            ) from error


@contextmanager
def _unfinished(output: Path) -> Iterator[Path]:
    """Give the name of something to be written; what is still there in the end is removed."""
    path = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def _content(
    store: ImageStore, references: Sequence[Reference | str], form: SaveFormat, platform: Platform | None
) -> _Content:
    """Return what is saved of images: manifests first, for who reads an archive as a stream."""
    docker = form is SaveFormat.DOCKER_ARCHIVE
    entries = [store.find(reference) for reference in references]
    if docker or platform is not None:
        entries = [_single(store, entry, platform) for entry in entries]
    blobs: dict[str, Descriptor] = {}
    for entry in entries:
        _collect(store, entry, blobs)
    documents = [
        ("oci-layout", LAYOUT_MARKER),
        ("index.json", Index(manifests=tuple(_root(entry) for entry in entries)).encode()),
    ]
    if docker:
        images = [(entry, store.image(entry.descriptor).manifest) for entry in entries]
        documents.append((MANIFEST, docker_manifest(images)))
    return _Content(documents=tuple(documents), blobs=tuple(blobs.values()))


def _single(store: ImageStore, entry: StoredName, platform: Platform | None) -> StoredName:
    """Return the entry as if its name stood for the image of one platform."""
    image = store.resolve(str(entry), platform)
    return StoredName(reference=entry.reference, descriptor=image.descriptor)


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


def _write_archive(
    store: ImageStore, content: _Content, file: _Output, report: Callable[[int], None]
) -> None:
    """Write an archive; ``report`` is given the bytes of blobs written so far."""
    length = moved = 0
    for name, data in content.documents:
        length += file.write(_header(name, len(data)))
        length += file.write(data + _padding(len(data)))
    for name in ("blobs", "blobs/sha256"):
        length += file.write(_header(name, None))
    for blob in content.blobs:
        _require(store, blob)
        length += file.write(_header(_path(blob), blob.size))
        length += _copy(store, blob, file)
        length += file.write(_padding(blob.size))
        moved += blob.size
        report(moved)
    # Two empty blocks end an archive, which has whole records.
    end = bytes(2 * tarfile.BLOCKSIZE)
    file.write(end + bytes(-(length + len(end)) % tarfile.RECORDSIZE))


def _copy(store: ImageStore, blob: Descriptor, file: _Output) -> int:
    """Write a blob, checked on the way; return how many bytes it has."""
    buffer = memoryview(bytearray(CHUNK))
    with store.open_blob(blob.digest) as reader:
        while count := reader.readinto(buffer):
            file.write(buffer[:count])
    return blob.size


def _write_directory(
    store: ImageStore, content: _Content, output: Path, report: Callable[[int], None]
) -> int:
    """Write an OCI layout, and return the bytes written."""
    if output.is_dir() and any(output.iterdir()):
        raise TransportError(
            "the directory is not empty", place=str(output), hint="name one that is not there"
        )
    moved = sum(len(data) for _, data in content.documents)
    with _unfinished(output) as directory:
        (directory / "blobs" / "sha256").mkdir(parents=True)
        for name, data in content.documents:
            (directory / name).write_bytes(data)
        for blob in content.blobs:
            _require(store, blob)
            with create_file(directory / _path(blob)) as file:
                _copy(store, blob, file)
            moved += blob.size
            report(moved)
        directory.replace(output)
    return moved


def _require(store: ImageStore, blob: Descriptor) -> None:
    if not store.has_blob(blob):
        raise ImageError(f"blob {blob.digest} is not in the local store, or not {blob.size} bytes")


def _path(blob: Descriptor) -> str:
    return f"blobs/sha256/{hex_of(blob.digest)}"


def _header(name: str, size: int | None) -> bytes:
    """Return the header of a file, or of a directory, which has no size."""
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE if size is None else tarfile.REGTYPE
    entry.mode = 0o755 if size is None else 0o644
    entry.size = size or 0
    return entry.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
