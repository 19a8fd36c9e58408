"""Platforms in OCI terms: reading them, naming this machine's, and choosing among several."""

from __future__ import annotations

import platform as machine
from collections.abc import Iterable

from sealer.errors import ImageError
from sealer.model import Platform

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "i386": "386",
    "loongarch64": "loong64",
}
# The variant that a name without one means, as containerd's normalisation has it.
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


def host_platform() -> Platform:
    """Return the Linux platform of this machine's architecture: images hold Linux programs."""
    name = machine.machine().lower()
    return Platform(architecture=_ARCHITECTURES.get(name, name))


def parse_platform(text: str) -> Platform:
    """Read ``os/architecture[/variant]``.

    Raises:
        ImageError: The text has another form.
    """
    parts = text.split("/")
    if len(parts) not in {2, 3} or not all(part.isalnum() and part.isascii() for part in parts):
        raise ImageError(f"{text!r} is not a platform", hint="write it as linux/amd64 or linux/arm64/v8")
    system, architecture, *variant = (part.lower() for part in parts)
    return Platform(
        os=system, architecture=_ARCHITECTURES.get(architecture, architecture), variant="".join(variant)
    )


def same_platform(one: Platform, other: Platform) -> bool:
    """Tell whether two platforms are equal once the default variant of each is filled in."""
    return _normal(one) == _normal(other)


def choose_platform(wanted: Platform, offered: Iterable[Platform]) -> Platform | None:
    """Return the offered platform that is the wanted one, or None."""
    return next((candidate for candidate in offered if same_platform(wanted, candidate)), None)


def _normal(platform: Platform) -> tuple[str, str, str]:
    variant = platform.variant or _DEFAULT_VARIANTS.get(platform.architecture, "")
    return platform.os, platform.architecture, variant
