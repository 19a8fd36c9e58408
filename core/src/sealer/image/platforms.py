"""Platforms in OCI terms: reading them, naming this machine's, and choosing among several."""

from __future__ import annotations

import difflib
import platform as machine
import re

from sealer.errors import ImageError
from sealer.image.oci import MANIFEST_TYPES, Descriptor, Index
from sealer.model import Platform

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "i386": "386",
    "loongarch64": "loong64",
}
# What Go programs, of which container runtimes and Kubernetes consist, can be compiled for.
_KNOWN = (
    *("386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"),
    *("ppc64", "ppc64le", "riscv64", "s390x", "wasm"),
)
_PART = re.compile(r"\w+", re.ASCII)
# The variant that a name without one means, as containerd's normalisation has it.
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


def host_platform() -> Platform:
    """Return the Linux platform of this machine's architecture: images hold Linux programs."""
    name = machine.machine().lower()
    return Platform(architecture=_ARCHITECTURES.get(name, name))


def parse_platform(text: str) -> Platform:
    """Read ``os/architecture[/variant]``.

    Raises:
        ImageError: The text has another form, or names an architecture that there is not.
    """
    parts = text.split("/")
    if len(parts) not in {2, 3} or not all(_PART.fullmatch(part) for part in parts):
        raise ImageError(f"{text!r} is not a platform", hint="write it as linux/amd64 or linux/arm64/v8")
    system, said, *variant = (part.lower() for part in parts)
    architecture = _ARCHITECTURES.get(said, said)
    if architecture not in _KNOWN:
        near = difflib.get_close_matches(said, (*_KNOWN, *_ARCHITECTURES), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KNOWN)}"
        raise ImageError(f"{text!r} is not a platform: there is no architecture {said}", hint=hint)
    return Platform(os=system, architecture=architecture, variant="".join(variant))


def same_platform(one: Platform, other: Platform) -> bool:
    """Tell whether two platforms are equal once the default variant of each is filled in."""
    return _normal(one) == _normal(other)


def images_of(index: Index) -> tuple[Descriptor, ...]:
    """Return what an index lists without what isn't an image, such as attestations of a build."""
    return tuple(
        entry
        for entry in index.manifests
        if entry.media_type in MANIFEST_TYPES and (entry.platform is None or entry.platform.os != "unknown")
    )


def choose_image(index: Index, wanted: Platform | None, *, place: str) -> Descriptor:
    """Return what an index lists for a platform.

    Args:
        index: The index.
        wanted: The platform; None means the only one there is, or else this machine's.
        place: The name of the image, for the message.

    Raises:
        ImageError: There is none for that platform; the message lists those there are.
    """
    offered = images_of(index)
    platform = host_platform() if wanted is None else wanted
    for entry in offered:
        if entry.platform is not None and same_platform(platform, entry.platform):
            return entry
    if wanted is None and len(offered) == 1:
        return offered[0]
    listed = ", ".join(str(entry.platform) for entry in offered) or "nothing"
    raise ImageError(f"no image for {platform}: the index lists {listed}", place=place)


def _normal(platform: Platform) -> tuple[str, str, str]:
    variant = platform.variant or _DEFAULT_VARIANTS.get(platform.architecture, "")
    return platform.os, platform.architecture, variant
