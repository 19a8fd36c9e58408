"""How hosts come to the cluster's registry: its store filled, it served, its name known and trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sealer.changes import Change, HostsEntry
from sealer.cluster.distribution import UPLOAD_TIMEOUT, store_steps
from sealer.cluster.parts import Parts
from sealer.errors import PlanError
from sealer.image.oci import Descriptor
from sealer.model import Cluster, ContainerImage, Host, ImageMetadata, RegistryEndpoint, Step, at

Layers = Mapping[str, Sequence[Descriptor]]
"""The layers of the image of each host, by the host's name."""


def registry_steps(cluster: Cluster, layers: Layers, parts: Parts, served: Sequence[str]) -> list[Step]:
    """Return the steps after which the cluster's registry serves, and every host pulls from it."""
    if parts.registry is None:
        return []
    steps = [*store_steps(layers, parts.registry.hosts(cluster)), *parts.registry.serve(cluster)]
    return steps + access_steps(cluster, parts, named_images(cluster, cluster.image, served), source="image")


def access_steps(
    cluster: Cluster,
    parts: Parts,
    images: Sequence[ContainerImage],
    known: Sequence[ContainerImage] = (),
    *,
    source: str,
) -> list[Step]:
    """Return a step for each host: it gets ``images``, and finds those too that were ``known`` before."""
    domains = tuple(sorted({image.domain for image in (*images, *known)}))
    return [_access_step(cluster, host, parts, domains, images, source=source) for host in cluster.hosts]


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
    changes: list[Change] = [registry_name(cluster, host, registry)]
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
        provides=(at("registry-access", host.name),),
        requires=("registry", *requires),
    )
    return replace(step, timeout=UPLOAD_TIMEOUT) if brought else step


def registry_name(cluster: Cluster, host: Host, registry: RegistryEndpoint) -> Change:
    """Return the change after which a host finds the registry by its name, wherever one still runs."""
    address, *further = cluster.in_turn(host, registry.addresses)
    return HostsEntry(address=address, names=(registry.domain,), further=tuple(further))


def named_images(cluster: Cluster, image: ImageMetadata, others: Sequence[str]) -> tuple[ContainerImage, ...]:
    """Return the container images of an image, and others of which the names are known."""
    own = {container.image for container in image.container_images}
    further = (ContainerImage(image=name, platform=cluster.image.platform) for name in others)
    return (*image.container_images, *(one for one in further if one.image not in own))


def plan_groups(cluster: Cluster, parts: Parts) -> dict[str, tuple[str, ...]]:
    """Return the names that hold when all of others do: those of members, and of hosts that serve."""
    serving = parts.registry.hosts(cluster) if parts.registry is not None else ()
    return {
        "cluster": tuple(at("member", host.name) for host in cluster.hosts),
        "registry": tuple(at("registry", host.name) for host in serving),
    }
