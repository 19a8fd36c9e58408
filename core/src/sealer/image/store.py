"""The local store of images: names that point to manifests, over content-addressed blobs.

The store is an OCI image layout under ``$SEALER_HOME/images`` that other tools can read. Many processes may
use it at once: files are replaced whole, ``index.json`` is changed under a lock, and blobs are removed only
while nobody holds a lease.
"""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sealer.errors import ImageError
from sealer.home import sealer_home
from sealer.image.blobs import Blobs, BlobWriter
from sealer.image.digest import digest_of, is_digest
from sealer.image.layout import Layout, store_access, write_atomically
from sealer.image.lookup import find_entry
from sealer.image.names import StoredName, stored_names, with_entry, without_names
from sealer.image.oci import Descriptor, Index, Manifest, parse_document, parse_index
from sealer.image.platforms import choose_image, host_platform, same_platform
from sealer.image.reference import Reference, parse_reference
from sealer.image.stored import StoredImage, image_config, platform_of
from sealer.image.sweep import reachable, sweep
from sealer.model import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What was removed from the store.

    Attributes:
        names: The entries that are gone.
        freed: Bytes of the blobs that were removed.
        deferred: Why blobs that nobody uses were left for the next removal, or None when none were.
    """

    names: tuple[StoredName, ...]
    freed: int
    deferred: str | None = None


class ImageStore:
    """The images below one home directory.

    Args:
        home: Sealer's home directory; None means ``sealer_home()``.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = sealer_home() if home is None else home
        self.layout = Layout(self.home / "images")
        self._blobs = Blobs(self.layout)

    # Blobs

    def lease(self) -> AbstractContextManager[None]:
        """Keep blobs from being removed, by any process, for as long as the block runs.

        Hold it from the first blob of a build or pull until its manifest is put, and around the use of an
        image's blobs. It ends with the process at the latest.
        """
        with store_access(self.layout):
            self.layout.create()
        return self.layout.lease()

    def writer(self) -> BlobWriter:
        """Return a context manager that takes the content of one new blob."""
        return BlobWriter(self.layout)

    def put_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob, such as a config; one that is there undamaged is not written again."""
        kept = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
        if self._blobs.holds(kept, data):
            return kept
        with self.writer() as writer:
            writer.write(data)
            return writer.commit(media_type)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob of that digest and size is there; its content is not looked at."""
        return self._blobs.has(descriptor)

    def blob_path(self, digest: str) -> Path:
        """Return where the blob of that digest lives. Its content is not checked: see ``verified_blob``."""
        return self.layout.blob(digest)

    def verified_blob(self, digest: str) -> Path:
        """Read a blob to the end and return its path; the same unchanged file is read once a process.

        Raises:
            ImageError: There is no such blob.
            VerificationError: Its content does not have the digest.
        """
        return self._blobs.verify(digest)

    def open_blob(self, digest: str) -> io.BufferedReader:
        """Open a blob for reading, checked on the way.

        The last bytes are given only when all of them have the right digest. So whoever reads to the end
        before acting on the content acts on what was stored; others ask for ``verified_blob`` first.

        Raises:
            ImageError: There is no such blob.
            VerificationError: Also from reading: the content does not have the digest.
        """
        return self._blobs.open(digest)

    def read_blob(self, digest: str) -> bytes:
        """Return all of a small blob, such as a manifest or a config, checked.

        Raises:
            ImageError: There is no such blob, or it is too large for a document.
            VerificationError: Its content does not have the digest.
        """
        return self._blobs.read(digest)

    # Manifests and names

    def put_manifest(self, name: Reference | str | None, manifest: Manifest | bytes) -> Descriptor:
        """Store a manifest, and point a name to it; None stores it for an index that will list it.

        Args:
            name: The name; what it pointed to before is kept without a name until it is pruned.
            manifest: The manifest, or its bytes when they have to be kept as they are.

        Raises:
            ImageError: A blob that the manifest names is not in the store.
        """
        data = manifest if isinstance(manifest, bytes) else manifest.encode()
        document = parse_document(data)
        if not isinstance(document, Manifest):
            raise ImageError("an index stands where a manifest is expected")
        with self.lease():
            self._require((document.config, *document.layers))
            platform = platform_of(image_config(self.read_blob(document.config.digest)))
            descriptor = self.put_blob(data, document.media_type)
            target = Descriptor(
                media_type=descriptor.media_type,
                digest=descriptor.digest,
                size=descriptor.size,
                platform=platform,
            )
            self._name(name, target)
        return target

    def put_index(
        self, name: Reference | str | None, index: Index | bytes, *, partial: bool = False
    ) -> Descriptor:
        """Store an index, and point a name to it.

        Args:
            name: The name; None stores it without one.
            index: The index, or its bytes when they have to be kept as they are.
            partial: Whether manifests that it lists may be missing, as after a pull for one platform.

        Raises:
            ImageError: A manifest that the index lists is not in the store.
        """
        data = index if isinstance(index, bytes) else index.encode()
        document = parse_document(data)
        if not isinstance(document, Index):
            raise ImageError("a manifest stands where an index is expected")
        with self.lease():
            if not partial:
                self._require(document.manifests)
            target = self.put_blob(data, document.media_type)
            self._name(name, target)
        return target

    def enter(self, name: Reference | None, target: Descriptor) -> None:
        """Point a name to a manifest or index of the store, or keep it without a name."""
        with self._index_lock():
            index = self._index()
            entered = with_entry(index, name, target)
            if entered != index:
                self._write(entered)

    def tag(self, source: Reference | str, name: Reference | str) -> StoredName:
        """Give a further name to an image, and return the new entry.

        Raises:
            ImageError: There is no such image, or the name is malformed.
        """
        reference = _taggable(name)
        with self._index_lock():
            index = self._index()
            target = find_entry(stored_names(index), source, self.read_blob).descriptor
            self._write(with_entry(index, reference, target))
        return StoredName(reference=reference, descriptor=target)

    def list(self) -> tuple[StoredName, ...]:
        """Return all entries, those with a name first.

        Raises:
            ImageError: The store's index is damaged.
        """
        return stored_names(self._index())

    def find(self, reference: Reference | str) -> StoredName:
        """Return the entry of a name, of a manifest digest, or of an identifier or the beginning of one.

        Raises:
            ImageError: There is no such entry, or there are several.
        """
        return find_entry(stored_names(self._index()), reference, self.read_blob)

    def resolve(self, reference: Reference | str, platform: Platform | None = None) -> StoredImage:
        """Return the image of that name for one platform.

        Args:
            reference: A name, a manifest digest, or an identifier or the beginning of one.
            platform: The platform; None takes the only one there is, or else this machine's.

        Raises:
            ImageError: There is no such image, none for that platform, or it is malformed.
            VerificationError: Its manifest or config is damaged.
        """
        entry = self.find(reference)
        descriptor = entry.descriptor
        document = parse_document(self.read_blob(descriptor.digest), descriptor.media_type)
        if isinstance(document, Index):
            descriptor = self._choose(str(entry), document, platform)
        image = self.image(descriptor, reference=str(entry), root_digest=entry.digest)
        if platform is not None and not same_platform(platform, image.platform):
            raise ImageError(
                f"the image is for {image.platform}, not for {platform}",
                place=str(entry),
                hint=f"pull or build it for {platform}",
            )
        return image

    def image(
        self, descriptor: Descriptor, *, reference: str | None = None, root_digest: str | None = None
    ) -> StoredImage:
        """Return the image of a manifest, whether an entry names it or not.

        Args:
            descriptor: The manifest.
            reference: What the image is called; None means by its digest.
            root_digest: What its name points to; None means the manifest.

        Raises:
            ImageError: It is not in the store, or malformed.
            VerificationError: Its manifest or config is damaged.
        """
        name = reference or descriptor.digest
        data = self.read_blob(descriptor.digest)
        document = parse_document(data, descriptor.media_type)
        if not isinstance(document, Manifest):
            raise ImageError("an index lists another index, which sealer does not read", place=name)
        config = image_config(self.read_blob(document.config.digest))
        return StoredImage(
            reference=name,
            digest=descriptor.digest,
            size=len(data),
            root_digest=root_digest or descriptor.digest,
            platform=platform_of(config),
            manifest=document,
            config=config,
        )

    # Removal

    def remove(self, reference: Reference | str, *, force: bool = False) -> Removal:
        """Remove a name, and all blobs that no other image uses.

        Args:
            reference: A name; or a digest or identifier of an image that has one name at most.
            force: Whether an image with several names loses them all.

        Raises:
            ImageError: There is no such image, or several names point to it.
        """
        with self._index_lock():
            index = self._index()
            names = stored_names(index)
            found = find_entry(names, reference, self.read_blob)
            if found in names and str(found) in {str(reference), _completed(reference)}:
                return self._drop(index, (found,))
            entries = tuple(name for name in names if name.digest == found.digest)
            if not entries or (len(entries) > 1 and not force):
                held = ", ".join(str(name) for name in entries) or "an index that lists it"
                raise ImageError(f"{reference} is held by {held}", hint="remove it by name")
            return self._drop(index, entries)

    def prune(self, *, dry_run: bool = False) -> Removal:
        """Remove the images without a name, and all blobs that no other image uses.

        Args:
            dry_run: Whether to change nothing, and only tell what would be removed.
        """
        with self._index_lock():
            index = self._index()
            nameless = tuple(name for name in stored_names(index) if name.reference is None)
            return self._drop(index, nameless, dry_run=dry_run)

    def _index_lock(self) -> AbstractContextManager[None]:
        with store_access(self.layout):
            self.layout.create()
        return self.layout.index_lock()

    def _drop(self, index: Index, removed: tuple[StoredName, ...], *, dry_run: bool = False) -> Removal:
        """Remove entries and sweep. The caller holds the lock."""
        remaining = without_names(index, removed)
        if removed and not dry_run:
            self._write(remaining)
        with store_access(self.layout), self.layout.sweeping() as alone:
            if not alone:
                return Removal(names=removed, freed=0, deferred="another process is using the store")
            try:
                keep = reachable(remaining.manifests, self.read_blob, self.has_blob)
            except ImageError as error:
                return Removal(names=removed, freed=0, deferred=f"another image is damaged: {error}")
            return Removal(names=removed, freed=sweep(self.layout, keep, dry_run=dry_run))

    def _name(self, name: Reference | str | None, target: Descriptor) -> None:
        if name is not None:
            self.enter(_taggable(name), target)

    def _require(self, descriptors: tuple[Descriptor, ...]) -> None:
        for descriptor in descriptors:
            if not self.has_blob(descriptor):
                raise ImageError(
                    f"blob {descriptor.digest} of {descriptor.size} bytes is not in the local store"
                )

    def _index(self) -> Index:
        try:
            with store_access(self.layout, absent=True):
                data = self.layout.index.read_bytes()
        except FileNotFoundError:
            return Index(manifests=())
        try:
            return parse_index(data)
        except ImageError as error:
            raise ImageError(
                f"the index of the local store is damaged: {error}",
                place=str(self.layout.index),
                hint="move the file away and load or pull the images again; blobs that exist are not fetched",
            ) from error

    def _write(self, index: Index) -> None:
        with store_access(self.layout):
            write_atomically(self.layout.index, index.encode(), self.layout.temporary)

    def _choose(self, name: str, index: Index, platform: Platform | None) -> Descriptor:
        """Return what an index lists for a platform."""
        chosen = choose_image(index, platform, place=name)
        if not self.has_blob(chosen):
            wanted = platform or chosen.platform or host_platform()
            raise ImageError(
                f"the image for {wanted} is not in the local store",
                place=name,
                hint=f"get it with `sealer pull --platform {wanted} {name}`",
            )
        return chosen


def _taggable(name: Reference | str) -> Reference:
    reference = parse_reference(name) if isinstance(name, str) else name
    if reference.digest is not None:
        raise ImageError(
            f"{reference} has a digest, so it can't be given to an image", hint="use a tag instead"
        )
    return reference


def _completed(name: Reference | str) -> str:
    """Return a name in full, or "" for what is a digest or an identifier."""
    if isinstance(name, Reference):
        return str(name)
    try:
        return "" if is_digest(name) else str(parse_reference(name))
    except ImageError:
        return ""
