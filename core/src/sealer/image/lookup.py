"""Finding an image of a store by what a person wrote: a name, a digest, or the beginning of an identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sealer.errors import ImageError
from sealer.image.digest import is_digest
from sealer.image.names import StoredName
from sealer.image.oci import Descriptor, Manifest, parse_document
from sealer.image.reference import Reference, parse_reference
from sealer.model.image import EMPTY

Read = Callable[[str], bytes]

# Shorter beginnings would be found by accident.
_IDENTIFIER = re.compile(r"[0-9a-f]{4,64}")


def find_entry(names: Sequence[StoredName], wanted: Reference | str, read: Read) -> StoredName:
    """Return the entry that is meant. A digest may also be that of a manifest which an index lists.

    Args:
        names: The entries of the store.
        wanted: A name, a name with a digest, a digest, or the beginning of a digest's hexadecimal part.
        read: Returns the verified content of a blob.

    Raises:
        ImageError: No entry is meant, or several are.
    """
    text = str(wanted)
    if is_digest(text):
        found = _by_prefix(names, text, read)
    else:
        reference = wanted if isinstance(wanted, Reference) else _parse(text)
        if reference is not None and reference.digest is None:
            named = next((name for name in names if name.reference == reference), None)
            if named is not None:
                return named
        if reference is not None and reference.digest is not None:
            found = [replace(name, reference=reference) for name in _by_prefix(names, reference.digest, read)]
        elif _IDENTIFIER.fullmatch(text):
            found = _by_prefix(names, f"sha256:{text}", read)
        else:
            found = []
    if not found:
        raise ImageError(
            f"no image {text} in the local store",
            hint="`sealer images` lists what there is; `sealer pull`, `load` and `build` add to it",
        )
    if len({name.digest for name in found}) > 1:
        raise ImageError(f"{text} is the beginning of several identifiers", hint="write more of it")
    return found[0]


def _parse(text: str) -> Reference | None:
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return None
    return parse_reference(text)


def _by_prefix(names: Sequence[StoredName], prefix: str, read: Read) -> list[StoredName]:
    return [found for name in names for found in _matches(name, prefix, read)]


def _matches(name: StoredName, prefix: str, read: Read) -> Iterator[StoredName]:
    """Give the entry itself if its digest or identifier fits, or else what it lists that does."""
    if name.digest.startswith(prefix):
        yield name
        return
    try:
        document = parse_document(read(name.digest), name.descriptor.media_type)
    except ImageError:
        # A damaged image isn't what stands in the way of finding another.
        return
    if isinstance(document, Manifest):
        if document.config.digest.startswith(prefix):
            yield name
        return
    for child in document.manifests:
        yield from _matches(StoredName(reference=None, descriptor=_bare(child)), prefix, read)


def _bare(descriptor: Descriptor) -> Descriptor:
    return replace(descriptor, annotations=EMPTY)
