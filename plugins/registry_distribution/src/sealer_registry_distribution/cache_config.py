"""The texts of a cache's files: its two configurations, the script that chooses one, and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sealer.changes import quote
from sealer_registry_distribution.config import PROGRAM, cache_unit, text_of

KEPT_SECONDS = 120
"""So long a cache that found nobody at its start serves what it has, before it asks again."""


def caching_config_yml(serving: Mapping[str, Any], *, url: str, username: str) -> str:
    """Return the configuration with which the program fetches what it lacks from ``url``.

    ``serving`` says how it serves, see ``document``.

    What it fetched is removed a week later, which takes that deletion is enabled; clients can't delete. The
    password of ``username`` comes with the environment.
    """
    found = {
        **serving,
        "storage": {**serving["storage"], "delete": {"enabled": True}},
        "proxy": {"remoteurl": url, **({"username": username} if username else {})},
    }
    return text_of(found)


def kept_config_yml(serving: Mapping[str, Any]) -> str:
    """Return the configuration with which the program serves what was fetched, and takes nothing in."""
    storage = serving["storage"]
    maintenance = {**storage["maintenance"], "readonly": {"enabled": True}}
    return text_of({**serving, "storage": {**storage, "maintenance": maintenance}})


def serve_script(place: str) -> str:
    """Return sh that serves the cache in a directory.

    The program asks for what is elsewhere when it starts, and ends when nobody answers. Then it is started to
    serve what was fetched before; after a while systemd begins again.
    """
    return f"""\
# Written by Sealer.
{PROGRAM} serve {quote(f"{place}/config.yml")}
exec timeout {KEPT_SECONDS} {PROGRAM} serve {quote(f"{place}/kept.yml")}
"""


def cache_unit_text(*, cluster: str, domain: str, place: str, secret: str, authorities: bool) -> str:
    """Return the unit.

    Args:
        cluster: The cluster's name.
        domain: The registry that is cached.
        place: The cache's directory.
        secret: The file with the secret of the cluster's registry for uploads, which is read but not used.
        authorities: Whether there are authorities besides those that the host trusts anyway.
    """
    return cache_unit(
        cluster=cluster,
        domain=domain,
        place=place,
        authorities=authorities,
        documentation="https://distribution.github.io/distribution/recipes/mirror/",
        service=(
            f"EnvironmentFile={secret}\nEnvironmentFile=-{place}/environment\n"
            f'ExecStart=/bin/sh "{place}/serve.sh"'
        ),
    )
