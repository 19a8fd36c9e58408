"""Registries that fetch what hosts ask for from a registry elsewhere, and keep it: one program for each.

The program takes no pushes when it does that, and has one place to fetch from; so each registry elsewhere
gets a port, a directory and a unit of its own, with the certificate and the password of the cluster's
registry (https://distribution.github.io/distribution/recipes/mirror/).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sealer.changes import Change, Command, Copy, File, Unit, Wait, quote
from sealer.model import Cluster, Host, RegistryCache, Upstream
from sealer_registry_distribution import cache_fragments, fragments
from sealer_registry_distribution.cache_servers import cache_server, is_zot
from sealer_registry_distribution.config import CACHE_UNIT_PREFIX
from sealer_registry_distribution.zot_config import IMAGE_PROGRAM, ZOT

_FIRST = 10
"""So far above the port of the registry is that of the first cache: k3s has its own mirror on 5001."""

_START_SECONDS = 120
"""So long may the program ask in vain for what is elsewhere, before it serves what it has."""


def cache_domain(domain: str) -> str:
    """Return the name of the caches beside that of the registry."""
    return f"cache.{domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One cache on one host.

    Attributes:
        upstream: Where it fetches from.
        number: Which of the caches it is, from 0.
        port: What it listens on.
        above: The directory of all caches of the cluster.
    """

    upstream: Upstream
    number: int
    port: int
    above: str

    @property
    def name(self) -> str:
        """What its files are called by: the domain, a colon in it written as an underscore."""
        return self.upstream.domain.replace(":", "_")

    @property
    def unit(self) -> str:
        """The name of its unit."""
        return f"{CACHE_UNIT_PREFIX}{self.name}.service"

    @property
    def directory(self) -> str:
        """Where its files are, and what it has fetched."""
        return f"{self.above}/{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable of the step that has the password."""
        return f"upstream_password_{self.number}"


def instances(cluster: Cluster, port: int) -> tuple[Instance, ...]:
    """Return the caches that each master has, on ports that follow one another above that of the registry."""
    above = f"{cluster.data}/registry-caches"
    return tuple(
        Instance(upstream=upstream, number=number, port=port + _FIRST + number, above=above)
        for number, upstream in enumerate(cluster.registry_settings.caches)
    )


def endpoints(cluster: Cluster, domain: str, port: int) -> tuple[RegistryCache, ...]:
    """Return where hosts reach the caches: all hosts ask the first master, and the next one if it is down."""
    return tuple(
        RegistryCache(
            upstream=instance.upstream.domain,
            domain=cache_domain(domain),
            port=instance.port,
            addresses=tuple(host.address for host in cluster.masters),
        )
        for instance in instances(cluster, port)
    )


def cache_changes(
    cluster: Cluster, host: Host, found: tuple[Instance, ...], *, credentials: str, domain: str
) -> Iterator[Change]:
    """Yield what makes a host serve all caches, and no others.

    Args:
        cluster: The cluster.
        host: A master.
        found: The caches.
        credentials: The directory with certificate and password of the cluster's registry.
        domain: The registry's name.
    """
    units = tuple(instance.unit for instance in found)
    yield Command(
        title="no cache of a registry that is not wanted",
        run=cache_fragments.remove_others(units, f"{cluster.data}/registry-caches"),
        unless=cache_fragments.no_others(units),
    )
    if found and is_zot(cluster):
        source = f"{cluster.rootfs}/{IMAGE_PROGRAM}"
        yield Copy(source=source, path=ZOT)
        yield Command(
            title="zot can fetch images",
            run=cache_fragments.refuse_minimal(source),
            unless=cache_fragments.can_fetch(ZOT),
        )
    for instance in found:
        yield from _instance_changes(cluster, host, instance, credentials=credentials, domain=domain)


def _instance_changes(
    cluster: Cluster, host: Host, instance: Instance, *, credentials: str, domain: str
) -> Iterator[Change]:
    upstream = instance.upstream
    server = cache_server(
        cluster,
        host,
        upstream,
        directory=instance.directory,
        port=instance.port,
        variable=instance.variable,
        credentials=credentials,
        domain=domain,
    )
    place = server.place
    yield Command(
        title=f"directory of the cache of {upstream.domain}",
        run=f"umask 077\nmkdir -p {quote(server.store)}",
        creates=server.store,
        revert=cache_fragments.remove_store(server.store, instance.above),
    )
    for name, content in server.files.items():
        yield File(path=f"{place}/{name}", content=content)
    login = f"{place}/{server.login}"
    if upstream.password is not None:
        yield Command(
            title=f"log-in of the cache of {upstream.domain}",
            run=cache_fragments.write_login(login, server.login_line),
            unless=cache_fragments.has_login(login, server.login_line),
            revert=f"rm -f {quote(login)} {quote(f'{login}.new')}",
        )
    read = [f"{place}/{name}" for name in server.files]
    read += [login] if upstream.password is not None else []
    yield Unit(
        name=instance.unit,
        content=server.unit,
        watches=(*read, server.program, *(f"{credentials}/{name}" for name in ("tls.crt", "htpasswd"))),
    )
    yield Wait(
        title=f"the cache of {upstream.domain} answers",
        until=fragments.listens(instance.port, instance.unit),
        why=fragments.why_it_does_not_listen(instance.port, instance.unit),
        limit=_START_SECONDS,
        pause=0.5,
    )
