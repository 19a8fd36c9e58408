"""The registries elsewhere that the cluster's registry caches: what is known of them, whether it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sealer.changes import Change
from sealer.cluster.external_registry import read_authorities, where_secret_is
from sealer.cluster.parts import Parts
from sealer.clusterfile import CachedRegistry, LocalRegistry
from sealer.errors import PlanError
from sealer.model import Cluster, RegistryEndpoint, Upstream

_ADD = "leave localRegistry.caches out; sealer registry add brings single images"


def upstreams(registry: LocalRegistry) -> tuple[Upstream, ...]:
    """Return the registries that are to be cached, with their authorities.

    Raises:
        SealerError: A file with authorities can't be read.
    """
    return tuple(_upstream(cached) for cached in registry.caches)


def require_caches(cluster: Cluster, parts: Parts) -> None:
    """See that what is to be cached can be, and that hosts would turn there.

    Raises:
        PlanError: There is no registry in the cluster, or it or the container runtime can't do that.
    """
    wanted = [upstream.domain for upstream in cluster.registry_settings.caches]
    if not wanted:
        return
    names = ", ".join(wanted)
    if parts.registry is None or cluster.registry is None:
        raise PlanError(
            f"{names} can't be cached: the image has no container images, so the cluster gets no registry",
            hint="leave localRegistry.caches out, or build an image with container images",
        )
    lacking = [domain for domain in wanted if cluster.registry.cache_of(domain) is None]
    if lacking:
        raise PlanError(
            f"{', '.join(lacking)} can't be cached: the registry {parts.registry.name} caches none", hint=_ADD
        )
    if not _are_heeded(cluster, cluster.registry, parts, wanted):
        runtime = parts.container or parts.runtime
        raise PlanError(
            f"{names} can't be cached: {runtime.name} can't be told to look there for images", hint=_ADD
        )


def _are_heeded(cluster: Cluster, registry: RegistryEndpoint, parts: Parts, domains: Sequence[str]) -> bool:
    """Return whether caches make a difference to what some host is told of these domains."""
    without = replace(registry, caches=())

    def told(by: RegistryEndpoint) -> list[Change]:
        if parts.container is not None:
            return list(parts.container.mirrors(by, domains))
        return [one for host in cluster.hosts for one in parts.runtime.mirrors(cluster, host, by, domains)]

    return told(registry) != told(without)


def _upstream(cached: CachedRegistry) -> Upstream:
    what = f"password of {cached.username} for {cached.domain}"
    return Upstream(
        domain=cached.domain,
        url=cached.url,
        username=cached.username or "",
        password=None if cached.password is None else where_secret_is(cached.password, what),
        certificate_authority="" if cached.ca_file is None else read_authorities(cached.ca_file),
    )
