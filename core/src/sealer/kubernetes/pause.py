"""Finds the container image that holds a pod's namespaces among those packed."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import ContainerImage


def pause_image(images: Iterable[ContainerImage]) -> str | None:
    """Return the newest pause image among those packed, or None when there is none."""
    names = {image.image for image in images if _repository(image.image).endswith("/pause")}
    return max(names, key=_natural, default=None)


def _repository(name: str) -> str:
    """Return an image's name without its tag and digest."""
    path, _, last = name.partition("@")[0].rpartition("/")
    return f"{path}/{last.partition(':')[0]}"


def _natural(name: str) -> tuple[int, ...]:
    """Return the numbers of an image's tag, so that 3.10 comes after 3.9."""
    tag = name.partition("@")[0].rpartition(":")[2]
    return tuple(int(part) for part in tag.replace("-", ".").split(".") if part.isdecimal())
