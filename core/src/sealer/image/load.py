"""Loading images from files: every digest is checked before the store changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from sealer.errors import ImageError, TransportError, VerificationError
from sealer.events import EventSink, TransferProgress, discard
from sealer.image.docker_archive import DockerImage, docker_images
from sealer.image.gathering import DAMAGES, Gathered, gather_archive, gather_directory
from sealer.image.layout import store_access
from sealer.image.names import StoredName
from sealer.image.oci import REF_NAME, Descriptor, Manifest, parse_document, parse_index
from sealer.image.parts import PartReader, find_parts
from sealer.image.reference import Reference, parse_reference
from sealer.image.staging import Staging
from sealer.image.store import ImageStore
from sealer.image.usage import written_below
from sealer.model.image import EMPTY

_FULL_NAME = "io.containerd.image.name"
_HINT = "get the file again; nothing of it was taken over"


def load(
    store: ImageStore,
    *inputs: Path,
    name: Reference | str | None = None,
    sink: EventSink = discard,
) -> tuple[StoredName, ...]:
    """Load the images of an archive or of a directory.

    Args:
        store: Where they go.
        inputs: An OCI archive or what ``docker save`` writes, either also compressed with gzip, bzip2 or
            xz; the directory of an OCI layout; or the parts of an archive in any order, see
            ``sealer.image.parts``.
        name: A name for the only image, in place of the one in the archive.
        sink: Is told about progress.

    Returns:
        The entries of the store. One without a name can be found by its digest.

    Raises:
        TransportError: A file can't be read.
        ImageError: It is not an archive of images, it is incomplete, or it holds what does not belong there.
        VerificationError: A blob or a part is not what it should be. In no case has a name changed.
    """
    reference = parse_reference(name) if isinstance(name, str) else name
    with store_access(store.layout), _place(inputs[0]), Staging(store) as staging:
        gathered = _gather(inputs, staging, sink)
        if gathered.index is not None:
            roots = parse_index(gathered.index).manifests
            entries = [
                StoredName(reference=_name_of(root), descriptor=replace(root, annotations=EMPTY))
                for root in roots
            ]
            _check_single(reference, len(roots))
            _publish(store, staging, roots)
        elif gathered.docker is not None:
            images = docker_images(gathered.docker, gathered.files, gathered.links, staging)
            _check_single(reference, len(images))
            entries = list(_publish_docker(store, staging, images))
        else:
            raise ImageError("it is not an OCI archive: it has no index.json" + _explanation(gathered))
        if reference is not None:
            entries = [replace(entries[0], reference=reference)]
        for entry in entries:
            store.enter(entry.reference, entry.descriptor)
    return tuple(entries)


def _gather(inputs: Sequence[Path], staging: Staging, sink: EventSink) -> Gathered:
    subject = inputs[0].name
    if len(inputs) == 1 and inputs[0].is_dir():
        size = written_below(inputs[0])

        def received() -> None:
            moved = min(size, written_below(staging.path))
            sink(TransferProgress(subject=subject, host=None, moved=moved, total=size))

        return gather_directory(inputs[0], staging, received)
    with ExitStack() as resources:
        try:
            parts = find_parts(inputs)
            file: BinaryIO | PartReader
            if parts is None:
                file, total = resources.enter_context(inputs[0].open("rb")), inputs[0].stat().st_size
            else:
                file, total = resources.enter_context(parts), parts.size
        except OSError as error:
            raise TransportError(f"can't be read: {error.strerror}", place=str(inputs[0])) from error

        def report() -> None:
            sink(TransferProgress(subject=subject, host=None, moved=file.tell(), total=total))

        if parts is None:
            return gather_archive(file, total, staging, report)
        try:
            return gather_archive(file, total, staging, report)
        finally:
            # Whatever else is said, a damaged part is what is to be got again.
            parts.require_whole()


@contextmanager
def _place(archive: Path) -> Iterator[None]:
    """Say of every error which archive it is about."""
    try:
        yield
    except VerificationError as error:
        # Where a blob of the store is damaged another hint helps than where one of the archive is.
        raise VerificationError(error.message, place=str(archive), hint=_HINT) from error
    except ImageError as error:
        raise type(error)(error.message, place=str(archive), hint=error.hint or _HINT) from error
    except DAMAGES as error:
        raise ImageError(
            f"the archive is damaged or not complete: {error}", place=str(archive), hint=_HINT
        ) from error


def _check_single(name: Reference | None, count: int) -> None:
    if name is not None and count != 1:
        raise ImageError(f"{name} can't be the name of {count} images")


def _explanation(gathered: Gathered) -> str:
    if "Metadata" in gathered.names:
        return "; unpack it with tar, and load each of the archives in it"
    return ""


def _publish_docker(
    store: ImageStore, staging: Staging, images: Sequence[DockerImage]
) -> Iterator[StoredName]:
    """Put images of docker's archive into the store, and give their entries."""
    staging.publish(blob for image in images for blob in (image.manifest.config, *image.manifest.layers))
    for image in images:
        target = store.put_manifest(None, image.manifest)
        for reference in image.names or (None,):
            yield StoredName(reference=reference, descriptor=target)


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
