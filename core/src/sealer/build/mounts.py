"""Images unpacked below ``$SEALER_HOME/mounts``, to look into them or to take files out.

They are copies: whoever may write to Sealer's home directory can make one, and what is changed in it changes
no image.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from sealer.build.rootfs import Rootfs
from sealer.errors import ImageError
from sealer.image.layout import store_access
from sealer.image.reference import parse_reference
from sealer.image.removal import remove_tree
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage

MOUNTS = "mounts"
"""Where unpacked images are, below Sealer's home directory."""

UNFINISHED = ".unfinished-"
_LABEL = "image.json"
_ROOTFS = "rootfs"
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """An unpacked image.

    Attributes:
        id: The beginning of the digest of its manifest.
        image: What it was called.
        digest: The digest of its manifest.
        path: Its root.
    """

    id: str
    image: str
    digest: str
    path: Path


def mount(store: ImageStore, image: StoredImage) -> Mount:
    """Unpack an image; one that is unpacked already is left as it is.

    Raises:
        ImageError: A layer can't be read, or the directory can't be written.
        VerificationError: A layer is damaged.
    """
    found = next((each for each in mounts(store) if each.digest == image.digest), None)
    if found is not None:
        return found
    directory = store.home / MOUNTS
    identifier = image.digest.removeprefix("sha256:")[:_SHORT]
    unfinished = directory / f"{UNFINISHED}{secrets.token_hex(8)}"
    with store_access(store.layout), store.lease():
        (unfinished / _ROOTFS).mkdir(parents=True)
        try:
            rootfs = Rootfs(unfinished / _ROOTFS)
            for layer in image.layers:
                store.verified_blob(layer.digest)
                rootfs.apply(store, layer)
            (unfinished / _LABEL).write_text(json.dumps({"image": image.reference, "digest": image.digest}))
            unfinished.rename(directory / identifier)
        except BaseException:
            remove_tree(unfinished)
            raise
    return _mount(directory / identifier)


def mounts(store: ImageStore) -> tuple[Mount, ...]:
    """Return all unpacked images."""
    directory = store.home / MOUNTS
    if not directory.is_dir():
        return ()
    return tuple(
        _mount(path)
        for path in sorted(directory.iterdir())
        if not path.name.startswith(UNFINISHED) and (path / _LABEL).exists()
    )


def unmount(store: ImageStore, wanted: str) -> Mount:
    """Remove an unpacked image.

    Args:
        store: The store; its home has the unpacked images.
        wanted: The identifier or its beginning, the image's name or digest, or the path.

    Raises:
        ImageError: There is none, or several are meant, or it can't be removed.
    """
    found = [each for each in mounts(store) if _is_meant(each, wanted)]
    if len(found) != 1:
        some = ", ".join(f"{each.id} ({each.image})" for each in found or mounts(store)) or "none"
        state = "several images are" if found else "no image is"
        raise ImageError(f"{state} mounted as {wanted}", hint=f"there are: {some}")
    with store_access(store.layout):
        # First out of sight: what is removed by halves is no image any more.
        gone = store.home / MOUNTS / f"{UNFINISHED}{secrets.token_hex(8)}"
        found[0].path.parent.rename(gone)
        remove_tree(gone)
    return found[0]


def _is_meant(each: Mount, wanted: str) -> bool:
    if wanted in {each.digest, each.image, str(each.path), str(each.path.parent)}:
        return True
    if wanted and each.id.startswith(wanted):
        return True
    try:
        return str(parse_reference(wanted)) == each.image
    except ImageError:
        return False


def _mount(directory: Path) -> Mount:
    label = json.loads((directory / _LABEL).read_text())
    return Mount(id=directory.name, image=label["image"], digest=label["digest"], path=directory / _ROOTFS)
