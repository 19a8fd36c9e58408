"""What serves a cache on a master: distribution, or zot where the cluster image has it.

Distribution gives hosts parts of an image as they come, and asks elsewhere once more for each host that asks
for a part it has not got whole yet. zot fetches whole images, for all platforms, and each part once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sealer.model import Cluster, Host, Upstream
from sealer_registry_distribution import cache_fragments
from sealer_registry_distribution.cache_config import (
    cache_unit_text,
    caching_config_yml,
    kept_config_yml,
    serve_script,
)
from sealer_registry_distribution.config import PROGRAM, document
from sealer_registry_distribution.zot_config import IMAGE_PROGRAM, ZOT, zot_config_json, zot_unit_text


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheServer:
    """The files of one cache, but for what it has fetched.

    Attributes:
        program: Where the program is on the host.
        place: The directory of its files; that of another program is not in its way.
        store: The directory of what it fetches.
        files: Texts by their names.
        login: The name of the file with the password there.
        login_line: sh that sets ``line`` to what is in that file.
        unit: The text of the unit.
    """

    program: str
    place: str
    store: str
    files: Mapping[str, str]
    login: str
    login_line: str
    unit: str


def is_zot(cluster: Cluster) -> bool:
    """Return whether zot serves the caches of a cluster: its image has the program."""
    return IMAGE_PROGRAM in cluster.image.programs


def cache_server(
    cluster: Cluster,
    host: Host,
    upstream: Upstream,
    *,
    directory: str,
    port: int,
    variable: str,
    credentials: str,
    domain: str,
) -> CacheServer:
    """Return what serves a cache.

    Args:
        cluster: The cluster.
        host: The master that it runs on.
        upstream: Where it fetches from.
        directory: The cache's directory.
        port: The TCP port it listens on.
        variable: The environment variable of the step that has the password.
        credentials: The directory with certificate and password of the cluster's registry.
        domain: The registry's name.
    """
    authorities = bool(upstream.certificate_authority)
    trusted = {"authorities.crt": upstream.certificate_authority} if authorities else {}
    if is_zot(cluster):
        place = f"{directory}/zot"
        login = "login.json"
        config = zot_config_json(
            store=f"{place}/images",
            directory=credentials,
            address=host.address,
            port=port,
            domain=domain,
            url=upstream.url,
            login=f"{place}/{login}" if upstream.password is not None else "",
        )
        return CacheServer(
            program=ZOT,
            place=place,
            store=f"{place}/images",
            files={"zot.json": config, **trusted},
            login=login,
            login_line=cache_fragments.json_login(urlsplit(upstream.url).netloc, upstream.username, variable),
            unit=zot_unit_text(
                cluster=cluster.name, domain=upstream.domain, place=place, authorities=authorities
            ),
        )
    place = directory
    serving = document(
        store=f"{place}/store", directory=credentials, address=host.address, port=port, domain=domain
    )
    return CacheServer(
        program=PROGRAM,
        place=place,
        store=f"{place}/store",
        files={
            "config.yml": caching_config_yml(serving, url=upstream.url, username=upstream.username),
            "kept.yml": kept_config_yml(serving),
            "serve.sh": serve_script(place),
            **trusted,
        },
        login="environment",
        login_line=cache_fragments.environment_login(variable),
        unit=cache_unit_text(
            cluster=cluster.name,
            domain=upstream.domain,
            place=place,
            secret=f"{credentials}/environment",
            authorities=authorities,
        ),
    )
