"""Removing what no image of a store uses any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sealer.image.layout import Layout
from sealer.image.oci import INDEX_TYPES, MANIFEST_TYPES, Descriptor, Manifest, parse_document
from sealer.image.removal import remove_tree
from sealer.image.usage import written_below

Read = Callable[[str], bytes]


def reachable(entries: Iterable[Descriptor], read: Read, has: Callable[[Descriptor], bool]) -> frozenset[str]:
    """Return the digests of all blobs that the entries need, their own included.

    Args:
        entries: Manifests and indexes.
        read: Returns the verified content of a blob.
        has: Tells whether a blob is there; those that are not are passed over.

    Raises:
        ImageError: A manifest is damaged, so that nobody can tell what it needs.
    """
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        entry = waiting.pop()
        if entry.digest in found:
            continue
        found.add(entry.digest)
        if entry.media_type not in INDEX_TYPES | MANIFEST_TYPES or not has(entry):
            continue
        document = parse_document(read(entry.digest), entry.media_type)
        if isinstance(document, Manifest):
            found.update((document.config.digest, *(layer.digest for layer in document.layers)))
        else:
            waiting.extend(document.manifests)
    return frozenset(found)


def sweep(layout: Layout, keep: frozenset[str], *, dry_run: bool = False) -> int:
    """Remove all blobs but those to keep, and what dead processes left; return the bytes freed.

    The caller holds ``layout.sweeping``.

    Args:
        layout: The store.
        keep: The digests of the blobs to keep.
        dry_run: Whether to remove nothing, only to count.
    """
    blobs = [path for path in layout.blobs.iterdir() if f"sha256:{path.name}" not in keep]
    return sum(clear(path, dry_run=dry_run) for path in (*blobs, *layout.temporary.iterdir()))


def clear(path: Path, *, dry_run: bool = False) -> int:
    """Remove a file, or a directory with all that is in it; return the bytes freed.

    Args:
        path: What to remove.
        dry_run: Whether to remove nothing, only to count.
    """
    if not path.is_dir() or path.is_symlink():
        freed = path.lstat().st_size
        if not dry_run:
            path.unlink()
        return freed
    freed = written_below(path)
    if not dry_run:
        remove_tree(path)
    return freed
