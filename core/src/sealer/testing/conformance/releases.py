"""What components and downloads of base images have to be like, whoever declares them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from sealer.providers import Component, Download

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|https://\S+")
_URL = re.compile(r"https://[^\s/]+/\S+")


def require_places(components: Sequence[Component]) -> None:
    """Require that components are below the rootfs, each at another path, by another name."""
    for names in ([part.name for part in components], [part.path for part in components]):
        assert len(set(names)) == len(names)
    assert all(is_inside(part.path) for part in components)


def require_readable_versions(components: Sequence[Component]) -> None:
    """Require that a program that is asked for its version has a pattern with one group."""
    for part in components:
        assert bool(part.version_arguments) == bool(part.version_pattern), part.name
        if part.version_pattern:
            assert re.compile(part.version_pattern).groups == 1, part.name
            assert part.executable, f"{part.name} is asked for its version and is no program"
        assert part.version_pattern or not part.carries_version, part.name


def require_sources(components: Sequence[Component], downloads: Sequence[Download]) -> None:
    """Require that each component has one download or is optional, and that nothing unknown is downloaded."""
    names = [name for download in downloads for name in brought(download)]
    assert len(set(names)) == len(names), "two downloads bring the same component"
    assert set(names) <= {part.name for part in components}
    needed = {part.name for part in components if not part.optional}
    assert needed <= set(names), "a component that is needed has no download"


def require_verified(downloads: Sequence[Download]) -> None:
    """Require that downloads come over https, against a digest or its address, each from one address."""
    assert len({download.url for download in downloads}) == len(downloads)
    for download in downloads:
        assert _URL.fullmatch(download.url), download.url
        assert _CHECKSUM.fullmatch(download.checksum), f"{download.url}: {download.checksum}"
        assert download.version.strip(), download.url
        assert bool(download.component) != bool(download.members), download.url
        assert all(is_inside(member) for member in download.members), download.url


def brought(download: Download) -> tuple[str, ...]:
    """Return the names of the components that a download brings."""
    return tuple(download.members.values()) or (download.component,)


def is_inside(path: str) -> bool:
    """Tell whether a path stays where it is put."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts
