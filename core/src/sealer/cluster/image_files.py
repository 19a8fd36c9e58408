"""Reads the few small files of an image that plans are made by, and finds out which programs it has.

Looking for a file means reading layers, which takes seconds; what was found is kept by the image's digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sealer.build.parent import members
from sealer.cluster.images import HostImages
from sealer.cluster.parts import Parts
from sealer.errors import ImageError
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model.image import EMPTY, ImageMetadata
from sealer.operation.records import write_json
from sealer.templates import SUFFIX

_LARGEST = 1 << 20
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_LISTED = re.compile(rf"plugins/[^/]+\.ya?ml|.*{re.escape(SUFFIX)}", re.DOTALL)
"""What the Go tool reads of plugins, and templates."""
_THERE = "/"
"""Before a path it stands for whether there is such a file, whose text is not read: no path begins so."""


def planned_image(store: ImageStore, images: HostImages, parts: Parts) -> ImageMetadata:
    """Return the metadata of a cluster's image with what the plans of its parts depend on.

    Raises:
        ImageError: As ``with_files``.
    """
    return with_files(
        images.metadata, store, images.main, files=parts.image_files, programs=parts.image_programs
    )


def with_files(
    metadata: ImageMetadata,
    store: ImageStore,
    image: StoredImage,
    *,
    files: Sequence[str],
    programs: Sequence[str],
) -> ImageMetadata:
    """Return an image's metadata with the texts of those files and the paths of those programs that it has.

    Raises:
        ImageError: A layer can't be read, or one of ``files`` is too large or no UTF-8.
    """
    found = image_files(store, image, (*files, *(f"{_THERE}{path}" for path in programs)))
    return replace(
        metadata,
        files={path: found[path] for path in files if path in found},
        programs=tuple(path for path in programs if f"{_THERE}{path}" in found),
    )


def image_files(store: ImageStore, image: StoredImage, paths: Sequence[str]) -> Mapping[str, str]:
    """Return the texts of those files that an image has, by their paths in its root.

    Raises:
        ImageError: A layer can't be read, or a file is too large or no UTF-8.
    """
    if not paths:
        return EMPTY
    kept = store.home / "cache" / "image-files" / f"{image.digest.removeprefix('sha256:')}.json"
    known = _known(kept) or {}
    if not set(paths) <= known.keys():
        known = {**known, **_search(store, image, frozenset(paths))}
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, known)
    return {path: text for path in paths if (text := known[path]) is not None}


def image_templates(store: ImageStore, image: StoredImage) -> Mapping[str, str]:
    """Return the texts of all templates of an image, by their paths in its root.

    Raises:
        ImageError: A layer can't be read, or a file is too large or no UTF-8.
    """
    return {path: text for path, text in _all_listed(store, image).items() if path.endswith(SUFFIX)}


def image_plugin_files(store: ImageStore, image: StoredImage) -> Mapping[str, str]:
    """Return the texts of the files of an image that hold documents of kind Plugin, in the order of paths.

    Raises:
        ImageError: A layer can't be read, or a file is too large or no UTF-8.
    """
    listed = _all_listed(store, image)
    return {path: listed[path] for path in sorted(listed) if not path.endswith(SUFFIX)}


def _all_listed(store: ImageStore, image: StoredImage) -> Mapping[str, str]:
    """Return what is looked for by the form of its path: templates and plugins, found in one go."""
    digest = image.digest.removeprefix("sha256:")
    kept = store.home / "cache" / "image-files" / f"{digest}.listed.json"
    known = _known(kept)
    if known is not None:
        return {path: text for path, text in known.items() if text is not None}
    found: dict[str, str] = {}
    for layer in image.layers:
        if layer.annotations.get(LAYER_CONTENT) == LayerContent.REGISTRY:
            continue
        here: dict[str, str] = {}
        for member, content in members(store, layer):
            found = {path: text for path, text in found.items() if not _hides(member.name, path)}
            if member.isreg() and _LISTED.fullmatch(member.name):
                here[member.name] = _text(member.name, member.size, content().read(_LARGEST + 1), image)
        found |= here
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_json(kept, found)
    return found


def _known(kept: Path) -> dict[str, str | None] | None:
    """Return what was found before, or None when nothing was; a file that is damaged counts for nothing."""
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(text, str | None) for text in found.values()):
        return None
    return found


def _search(store: ImageStore, image: StoredImage, paths: frozenset[str]) -> dict[str, str | None]:
    """Look for files, from the uppermost layer down; None stands for one that the image does not have."""
    found: dict[str, str | None] = {}
    for layer in reversed(image.layers):
        if layer.annotations.get(LAYER_CONTENT) == LayerContent.REGISTRY:
            continue
        here: dict[str, str | None] = {}
        for member, content in members(store, layer):
            for wanted in paths - found.keys():
                path = wanted.removeprefix(_THERE)
                if member.name == path and member.isreg():
                    read = path == wanted
                    here[wanted] = (
                        _text(path, member.size, content().read(_LARGEST + 1), image) if read else ""
                    )
                elif _hides(member.name, path):
                    # What the layer itself brings counts, wherever it stands.
                    here.setdefault(wanted, None)
        found |= here
        if paths <= found.keys():
            break
    return {path: found.get(path) for path in paths}


def _hides(name: str, path: str) -> bool:
    """Tell whether an entry takes a path of lower layers away."""
    above, _, last = name.rpartition("/")
    if last == _OPAQUE:
        return path.startswith(f"{above}/") or not above
    gone = f"{above}/{last.removeprefix(_WHITEOUT)}".lstrip("/")
    return last.startswith(_WHITEOUT) and (path == gone or path.startswith(f"{gone}/"))


def _text(path: str, size: int, data: bytes, image: StoredImage) -> str:
    if size > _LARGEST:
        raise ImageError(
            f"{path} of image {image.reference} is larger than {_LARGEST} bytes",
            hint="build the image with less in it, or COPY the file and read it on the host",
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ImageError(
            f"{path} of image {image.reference} is no UTF-8",
            hint="build the image with this file as UTF-8 text",
        ) from error
