"""Read a file or directory of images into a staging directory: every blob is checked, nothing is unpacked."""

from __future__ import annotations

import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, cast

from sealer.errors import ImageError, TransportError
from sealer.image.blobs import CHUNK
from sealer.image.digest import hex_of
from sealer.image.docker_archive import MANIFEST
from sealer.image.oci import INDEX_TYPES, MANIFEST_TYPES, Manifest, parse_document, parse_index
from sealer.image.staging import Staging
from sealer.image.streams import Stream, unpacked
from sealer.image.tar_bounds import LEAST, MOST_ENTRIES, RATIO, BoundedInfo

INDEX = "index.json"
DAMAGES = (tarfile.TarError, EOFError, zlib.error, LZMAError)
"""What reading an archive raises when it is damaged or not complete."""

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_MAXIMUM_DOCUMENT = 16 << 20

Report = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was found beside blobs.

    Attributes:
        index: The ``index.json`` of an OCI layout, or None.
        docker: The ``manifest.json`` of ``docker save``, or None.
        files: Digest and size of each file that is not a blob of an OCI layout, by its path.
        links: The target of each link, by its path.
        names: All paths.
    """

    index: bytes | None = None
    docker: bytes | None = None
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


def gather_archive(stream: Stream, size: int, staging: Staging, report: Report) -> Gathered:
    """Read an archive, which may be compressed with gzip, bzip2 or xz.

    Args:
        stream: The archive.
        size: Its size in bytes, which bounds what it may come to.
        staging: Takes the blobs.
        report: Is called after each chunk.

    Raises:
        ImageError: It holds what does not belong into an archive of images, or comes to too much.
        VerificationError: A blob does not have its digest.
        TarError, EOFError, zlib.error, LZMAError: It is damaged or not complete; see ``DAMAGES``.
    """
    documents: dict[str, bytes] = {}
    files: dict[str, tuple[str, int]] = {}
    links: dict[str, str] = {}
    seen: set[str] = set()
    # All that tarfile asks of it is to be read from.
    tar = cast("IO[bytes]", unpacked(stream))
    with tarfile.open(fileobj=tar, mode="r|", tarinfo=BoundedInfo, bufsize=CHUNK) as archive:
        for entry in _entries(archive, LEAST + RATIO * size):
            name = _checked_name(entry)
            seen.add(name)
            if entry.issym() or entry.islnk():
                above = posixpath.dirname(name) if entry.issym() else ""
                links[name] = posixpath.normpath(posixpath.join(above, entry.linkname))
                continue
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is None:
                continue
            blob = _BLOB.fullmatch(name)
            if blob is not None:
                try:
                    staging.receive(f"sha256:{blob[1]}", content, report)
                except DAMAGES as error:
                    raise ImageError(f"blob sha256:{blob[1]} is cut off: {error}") from error
                files[name] = f"sha256:{blob[1]}", entry.size
            elif name in {INDEX, MANIFEST}:
                documents[name] = content.read(_MAXIMUM_DOCUMENT)
            else:
                try:
                    files[name] = staging.take(content, report)
                except DAMAGES as error:
                    raise ImageError(f"the file {name} is cut off: {error}") from error
    if links and INDEX in documents:
        raise ImageError(f"the archive has a link or a device: {next(iter(links))!r}")
    return Gathered(
        index=documents.get(INDEX),
        docker=documents.get(MANIFEST),
        files=files,
        links=links,
        names=frozenset(seen),
    )


def gather_directory(directory: Path, staging: Staging, report: Report) -> Gathered:
    """Read an OCI layout: what its index leads to, and nothing else.

    Raises:
        TransportError: It has no index, or something can't be read.
        VerificationError: A blob does not have its digest.
    """
    try:
        data = (directory / INDEX).read_bytes()
        waiting = list(parse_index(data).manifests)
        done: set[str] = set()
        while waiting:
            descriptor = waiting.pop()
            path = directory / "blobs" / "sha256" / hex_of(descriptor.digest)
            if descriptor.digest in done or not path.exists():
                # What is needed and missing is named when everything is put together.
                continue
            done.add(descriptor.digest)
            with path.open("rb") as file:
                staging.receive(descriptor.digest, file, report)
            if descriptor.media_type in INDEX_TYPES | MANIFEST_TYPES:
                document = parse_document(staging.read(descriptor), descriptor.media_type)
                if isinstance(document, Manifest):
                    waiting += [document.config, *document.layers]
                else:
                    waiting += document.manifests
    except OSError as error:
        raise TransportError(
            f"it is no OCI layout that can be read: {error.strerror}", place=str(error.filename or directory)
        ) from error
    return Gathered(index=data)


def _entries(archive: tarfile.TarFile, limit: int) -> Iterator[tarfile.TarInfo]:
    """Yield the entries of an archive.

    Raises:
        ImageError: They come to more bytes than the limit, or are too many.
    """
    left = limit
    for number, entry in enumerate(archive):
        # tarfile keeps every entry it has met, and there can be very many.
        archive.members = []  # type: ignore[attr-defined]  # typeshed has the method alone
        left -= entry.size
        if left < 0:
            raise ImageError(f"the archive comes to more than {limit} bytes at {entry.name!r}")
        if number >= MOST_ENTRIES:
            raise ImageError(f"the archive has more than {MOST_ENTRIES} entries")
        yield entry


def _checked_name(entry: tarfile.TarInfo) -> str:
    """Return the path of an entry below the archive's root.

    Raises:
        ImageError: It is outside, or it is a device.
    """
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageError(f"the archive has an entry outside its root: {entry.name!r}")
    if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
        raise ImageError(f"the archive has a link or a device: {entry.name!r}")
    return str(path)
