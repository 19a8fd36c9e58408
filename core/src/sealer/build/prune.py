"""Give back what nothing needs any more: in the store, and in the caches of builds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sealer.build.layer_cache import LayerCache
from sealer.build.mounts import MOUNTS, UNFINISHED
from sealer.image.layout import store_access
from sealer.image.names import StoredName
from sealer.image.store import ImageStore
from sealer.image.sweep import clear
from sealer.image.usage import written_below

CACHES = ("container-images", "downloads", "image-files", "run")
"""The caches of what builds fetched and kept and of what runs read, below ``cache`` in Sealer's home."""

_UNFINISHED = ("tmp", "partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        names: Images without a name.
        store: Bytes of blobs that no image uses, and of what processes that died have left.
        caches: Bytes by cache.
        cached: Bytes that the caches still hold.
        deferred: Why nothing but names was removed, or None when all was.
    """

    names: tuple[StoredName, ...]
    store: int
    caches: dict[str, int]
    cached: int
    deferred: str | None = None


def prune(store: ImageStore, *, fetched: bool = False, dry_run: bool = False) -> Pruned:
    """Remove images without a name, blobs that no image uses, and what processes that died have left.

    While any process uses the store, as builds do, only names are removed.

    Args:
        store: The store; its home has the caches.
        fetched: Whether to empty the caches of what was fetched too: the next build fetches it again.
        dry_run: Whether to change nothing, and only tell what would be removed.

    Raises:
        ImageError: The store can't be read or written.
    """
    removal = store.prune(dry_run=dry_run)
    caches: dict[str, int] = {}
    deferred = removal.deferred
    root = store.home / "cache"
    with store_access(store.layout), store.layout.sweeping() as alone:
        if not alone:
            deferred = deferred or "another process is using the store"
        else:
            for name in CACHES:
                directory = root / name
                paths = _content(directory) if fetched else _unfinished(directory)
                caches[name] = sum(clear(path, dry_run=dry_run) for path in paths)
            caches["layers"] = LayerCache(store=store).forget(dry_run=dry_run)
            halves = [path for path in _content(store.home / MOUNTS) if path.name.startswith(UNFINISHED)]
            caches["mounts"] = sum(clear(path, dry_run=dry_run) for path in halves)
        cached = sum(written_below(root / name) for name in CACHES)
    if dry_run:
        cached -= sum(caches.get(name, 0) for name in CACHES)
    return Pruned(names=removal.names, store=removal.freed, caches=caches, cached=cached, deferred=deferred)


def _content(directory: Path) -> Iterable[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else ()


def _unfinished(directory: Path) -> Iterable[Path]:
    """Return what was being fetched when a process died."""
    return [path for name in _UNFINISHED for path in _content(directory / name)]
