"""The layers that builds have written, by what they were written from, so that none is written twice.

The layers themselves are blobs of the store; the cache has small files that say which blob it was. An entry
whose blob was removed is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealer.build.blocks import Layer
from sealer.image.digest import is_digest
from sealer.image.extension import LAYER_SIZE
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore

LAYERS = "cache/layers"
"""Where the cache is, below Sealer's home directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCache:
    """The layers of one store.

    Attributes:
        store: The store that has the blobs.
        reading: Whether it is asked; else every layer is written anew, and remembered.
    """

    store: ImageStore
    reading: bool = True

    @property
    def root(self) -> Path:
        """The directory of the entries."""
        return self.store.home / LAYERS

    def find(self, key: str, *, created_by: str, annotations: Mapping[str, str]) -> Layer | None:
        """Return the layer that was written for a key, if the store has it; the caller holds a lease.

        Args:
            key: What it was written from: any text.
            created_by: What the new image's history says about it.
            annotations: What the new manifest says about it, beside its size.
        """
        fields = _fields(self._path(key)) if self.reading else {}
        descriptor = _descriptor(fields, annotations)
        if descriptor is None or not self.store.has_blob(descriptor):
            return None
        return Layer(descriptor=descriptor, diff_id=str(fields["diffId"]), created_by=created_by)

    def kept_at(self, key: str) -> int | None:
        """Return when the layer of a key was remembered, in nanoseconds since 1970, or None if it is not."""
        descriptor = _descriptor(_fields(self._path(key)), {}) if self.reading else None
        if descriptor is None or not self.store.has_blob(descriptor):
            return None
        with suppress(OSError):
            return self._path(key).stat().st_mtime_ns
        return None

    def keep(self, key: str, layer: Layer) -> None:
        """Remember the layer of a key. What can't be written is not remembered."""
        fields = {
            "mediaType": layer.descriptor.media_type,
            "digest": layer.descriptor.digest,
            "size": layer.descriptor.size,
            "unpacked": layer.descriptor.annotations[LAYER_SIZE],
            "diffId": layer.diff_id,
        }
        unfinished = self.root / f".{secrets.token_hex(8)}"
        with suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(fields))
            # It may be lost in a crash of the machine: then a layer is written once more.
            unfinished.replace(self._path(key))

    def forget(self, *, dry_run: bool = False) -> int:
        """Remove the entries whose blobs are gone, and what was not finished; return the bytes freed.

        Args:
            dry_run: Whether to remove nothing, only to count.
        """
        freed = 0
        for path in self.root.iterdir() if self.root.is_dir() else ():
            descriptor = _descriptor(_fields(path), {})
            if descriptor is None or not self.store.has_blob(descriptor):
                freed += path.stat().st_size
                if not dry_run:
                    path.unlink()
        return freed

    def _path(self, key: str) -> Path:
        return self.root / hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def _fields(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _descriptor(fields: Mapping[str, Any], annotations: Mapping[str, str]) -> Descriptor | None:
    """Return the blob that an entry names, or None when it is no entry."""
    try:
        descriptor = Descriptor(
            media_type=str(fields["mediaType"]),
            digest=str(fields["digest"]),
            size=int(fields["size"]),
            annotations={**annotations, LAYER_SIZE: str(fields["unpacked"])},
        )
    except (KeyError, ValueError, TypeError):
        return None
    return descriptor if is_digest(descriptor.digest) and is_digest(str(fields.get("diffId"))) else None
