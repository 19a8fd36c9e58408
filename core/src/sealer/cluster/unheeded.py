"""What a Clusterfile says that an image has no use for: it may be meant for another image, or misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from sealer.clusterfile import Clusterfile
from sealer.model import ImageMetadata


def unheeded(clusterfile: Clusterfile, image: ImageMetadata, *, on_hosts: bool) -> tuple[str, ...]:
    """Return what is passed over, a sentence for each kind.

    Args:
        clusterfile: What the user says.
        image: What is run.
        on_hosts: Whether its files are put on all hosts, as those of cluster images are.
    """
    known = [app.name for app in image.applications]
    named = [config.name for document in clusterfile.applications for config in document.configs]
    named += [config.app_name for config in clusterfile.configs if config.app_name]
    return tuple(_sentences(clusterfile, image, known, dict.fromkeys(named), on_hosts=on_hosts))


def _sentences(
    clusterfile: Clusterfile,
    image: ImageMetadata,
    known: list[str],
    named: dict[str, None],
    *,
    on_hosts: bool,
) -> Iterator[str]:
    missing = [name for name in named if name not in known]
    if missing:
        near = (difflib.get_close_matches(name, known, n=1) for name in missing)
        meant = [
            f"{name} (did you mean {one[0]}?)" if one else name
            for name, one in zip(missing, near, strict=True)
        ]
        lacking = f"{image.reference} has no application {', '.join(meant)}"
        yield f"{lacking}: what the Clusterfile says of it is passed over"
    hosts = [f"Config {config.name}" for config in clusterfile.configs if not config.app_name]
    hosts += [f"Plugin {plugin.name}" for plugin in clusterfile.plugins]
    if hosts and not on_hosts:
        yield f"{', '.join(hosts)}: what is for hosts is passed over with an application image"
