"""How hosts come to the cluster's registry: its store filled, it served, its name known and trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from sealer.changes import Change, HostsEntry, Tree
from sealer.cluster.delivery_steps import Delivering, Destination, pushing, with_deliveries
from sealer.cluster.distribution import UPLOAD_TIMEOUT, image_store, store_steps
from sealer.cluster.external_registry import External
from sealer.cluster.parts import Parts
from sealer.cluster.upstreams import require_caches
from sealer.errors import PlanError
from sealer.image.access import Access
from sealer.image.oci import Descriptor
from sealer.model import (
    OPERATOR,
    Cluster,
    ContainerImage,
    Host,
    ImageMetadata,
    RegistryEndpoint,
    Step,
    at,
)
from sealer.operation.places import operator_data
from sealer.providers import Registry

_ACCESS = "registry-access"

Layers = Mapping[str, Sequence[Descriptor]]
"""The layers of the image of each host, by the host's name."""


def registry_steps(cluster: Cluster, layers: Layers, parts: Parts, served: Sequence[str]) -> list[Step]:
    """Return the steps after which the cluster's registry serves, and every host pulls from it."""
    require_caches(cluster, parts)
    if parts.registry is None:
        return []
    images = named_images(cluster, cluster.image, served)
    return [
        *filling_steps(cluster, layers, parts.registry),
        *access_steps(cluster, parts, images, source="image"),
    ]


def filling_steps(
    cluster: Cluster, layers: Layers, registry: Registry, *, source: str = "image"
) -> list[Step]:
    """Return the steps after which a registry in the cluster serves an image's container images.

    Those for one outside are only unpacked, on the operator's machine: see ``with_pushes``.
    """
    if not isinstance(registry, External):
        return [*store_steps(layers, registry.hosts(cluster), source=source), *registry.serve(cluster)]
    platforms = sorted({str(host.facts.platform) for host in cluster.hosts})
    if len(platforms) > 1:
        raise PlanError(
            f"hosts of several platforms ({', '.join(platforms)}) can't share a registry outside",
            hint="leave externalRegistry out: the registry inside the cluster serves every platform",
        )
    unpack = Step(
        id=_source(source),
        title="unpack container images",
        host=OPERATOR,
        changes=(Tree(path=_tree(source), layers=image_store(layers[cluster.first_master.name])),),
        provides=(_source(source),),
        timeout=UPLOAD_TIMEOUT,
    )
    return [unpack, *registry.serve(cluster)]


def with_pushes(
    cluster: Cluster, image: ImageMetadata, parts: Parts, launches: tuple[Step, ...], *, source: str = "image"
) -> tuple[Step, ...]:
    """Return launches with steps that push an image's container images, if the registry is outside.

    What the cluster begins with is pushed first. Those of applications follow while the cluster is made.
    """
    registry, endpoint = parts.registry, cluster.registry
    if not isinstance(registry, External) or endpoint is None or not image.container_images:
        return launches
    destination = Destination(
        location=endpoint.location,
        access=Access(home=registry.home),
        credentials=endpoint.credentials if registry.spec.username else None,
        authority=str(endpoint.certificate_authority) if registry.spec.ca_file else "",
        keeps_own=True,
        by_digest=True,
    )
    brought = parts.container is not None and any(
        True for _ in parts.container.preload(endpoint, image.container_images)
    )
    delivering = Delivering(
        image=image,
        bring=pushing(f"{operator_data(registry.home, cluster.name)}/{_tree(source)}", destination),
        requires=(_source(source),),
        shared=at("registry", OPERATOR),
        # Hosts that fetch all images as soon as there is a registry must find all of them.
        apart=not brought,
    )
    return tuple(with_deliveries(delivering, launches))


def _source(source: str) -> str:
    return at(f"registry-source/{source}", OPERATOR)


def _tree(source: str) -> str:
    return f"images/{source}"


def access_steps(
    cluster: Cluster,
    parts: Parts,
    images: Sequence[ContainerImage],
    known: Sequence[ContainerImage] = (),
    *,
    source: str,
) -> list[Step]:
    """Return a step for each host: it gets ``images``, and finds those too that were ``known`` before."""
    cached = cluster.registry.caches if cluster.registry is not None else ()
    domains = tuple(
        sorted({image.domain for image in (*images, *known)} | {cache.upstream for cache in cached})
    )
    steps = [_access_step(cluster, host, parts, domains, images, source=source) for host in cluster.hosts]
    if parts.container is not None or not parts.runtime.restarts_for_mirrors:
        return steps
    names = [master.name for master in cluster.masters]
    before = dict(pairwise(reversed(names)))
    return [
        replace(step, requires=(*step.requires, at(_ACCESS, before[step.host])))
        if step.host in before
        else step
        for step in steps
    ]


def _access_step(
    cluster: Cluster,
    host: Host,
    parts: Parts,
    domains: Sequence[str],
    images: Sequence[ContainerImage],
    *,
    source: str,
) -> Step:
    """Return the step after which a host has or pulls the cluster's images by their own names."""
    registry = cluster.registry
    if registry is None:
        raise PlanError("a registry is to be used, but the cluster has none")
    changes: list[Change] = list(registry_names(cluster, host, registry))
    brought: tuple[Change, ...] = ()
    requires: tuple[str, ...] = ()
    if parts.container is not None:
        changes += parts.container.mirrors(registry, domains)
        brought = tuple(parts.container.preload(registry, images))
        requires = (at("container-runtime", host.name),) if brought else ()
    else:
        changes += parts.runtime.mirrors(cluster, host, registry, domains)
    step = Step(
        id=at(f"registry-access/{source}", host.name),
        title="fetch container images" if brought else "trust the cluster's registry",
        host=host.name,
        changes=(*changes, *brought),
        provides=(at(_ACCESS, host.name),),
        requires=("registry", *requires),
    )
    return replace(step, timeout=UPLOAD_TIMEOUT) if brought else step


def registry_names(cluster: Cluster, host: Host, registry: RegistryEndpoint) -> Iterator[HostsEntry]:
    """Yield the changes after which a host finds registry and caches by their names, wherever one still runs.

    Hosts spread over the registries, for all have the same. Caches fetch what they lack: all hosts ask one.
    """
    if registry.is_outside:
        return
    address, *further = cluster.in_turn(host, registry.addresses)
    yield HostsEntry(address=address, names=(registry.domain,), further=tuple(further))
    for domain, (first, *others) in {cache.domain: cache.addresses for cache in registry.caches}.items():
        yield HostsEntry(address=first, names=(domain,), further=tuple(others))


def named_images(cluster: Cluster, image: ImageMetadata, others: Sequence[str]) -> tuple[ContainerImage, ...]:
    """Return the container images of an image, and others of which the names are known."""
    own = {container.image for container in image.container_images}
    further = (ContainerImage(image=name, platform=cluster.image.platform) for name in others)
    return (*image.container_images, *(one for one in further if one.image not in own))


def plan_groups(cluster: Cluster, parts: Parts, steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """Return the names that hold when all of others do: those of members, and of whoever serves.

    Args:
        cluster: The cluster.
        parts: The providers.
        steps: Those of the plan.
    """
    serving = parts.registry.hosts(cluster) if parts.registry is not None else ()
    outside = at("registry", OPERATOR)
    pushed = (outside,) if any(outside in step.provides for step in steps) else ()
    return {
        "cluster": tuple(at("member", host.name) for host in cluster.hosts),
        "registry": (*(at("registry", host.name) for host in serving), *pushed),
    }
