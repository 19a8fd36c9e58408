"""The steps that put an application image on a cluster that exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sealer.cluster.applications import Launch, launch_steps
from sealer.cluster.delivery import NO_POLICY, STAY, Delivery
from sealer.cluster.delivery_steps import Delivering, Destination, pushing, sending, with_deliveries
from sealer.cluster.distribution import image_files, rootfs_steps, with_stores
from sealer.cluster.foreign import Existing
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.made_files import MadeFiles
from sealer.cluster.parts import Parts
from sealer.cluster.pipeline import NOTHING_MADE, launch_site, read_reference
from sealer.cluster.redirecting import redirecting_elsewhere, redirecting_here
from sealer.cluster.registry_access import (
    Layers,
    access_steps,
    filling_steps,
    named_images,
    plan_groups,
    with_pushes,
)
from sealer.errors import PlanError
from sealer.image.access import Access
from sealer.image.oci import Descriptor
from sealer.model import Cluster, ImageMetadata, Step, at
from sealer.operation.plan import Plan, make_plan
from sealer.providers import ImageImport

_NO_HOME = Path()


def application_root(cluster: Cluster, digest: str) -> str:
    """Return where the files of an application image are on the first master."""
    return f"{cluster.data}/{_application_path(digest)}"


def _application_path(digest: str) -> str:
    return f"applications/{digest[7:19]}"


def application_plan(
    cluster: Cluster,
    image: ImageMetadata,
    layers: Layers,
    parts: Parts,
    choice: LaunchChoice,
    *,
    made: MadeFiles = NOTHING_MADE,
    served: Sequence[str] = (),
    delivery: Delivery = STAY,
    home: Path = _NO_HOME,
    imports: Sequence[ImageImport] = (),
    carried: Sequence[Sequence[Descriptor]] = (),
) -> Plan:
    """Plan an application image onto a cluster that exists.

    Args:
        cluster: The cluster, with the image it was made from.
        image: The application image.
        layers: Of the application image.
        parts: The providers of the cluster.
        choice: What the user wants launched.
        made: Files that come over those of the image.
        served: The names of the container images that it serves for earlier application images.
        delivery: Where container images go, when Sealer did not make the cluster.
        home: Sealer's home directory, with credentials for registries.
        imports: How container runtimes on nodes take container images.
        carried: The layers of the images whose container images are brought there, for one platform each.

    Raises:
        PlanError: The image brings container images, but the cluster has no registry.
    """
    short = image.digest[7:19]
    path = _application_path(image.digest)
    first = cluster.first_master
    content = with_stores(carried) if delivery else image_files
    unpack = rootfs_steps(layers, (first,), path=path, name=f"application/{short}", content=content)
    steps: list[Step] = list(unpack)
    requires = [provided for step in unpack for provided in step.provides]
    own = not isinstance(parts.runtime, Existing)
    if image.container_images and own:
        if parts.registry is None or cluster.registry is None:
            raise PlanError(
                f"image {image.reference} brings container images, but {cluster.name} has no registry",
                hint="the cluster image has no container images of its own; build it with some",
            )
        steps += filling_steps(cluster, layers, parts.registry, source=short)
        known = named_images(cluster, cluster.image, served)
        steps += access_steps(cluster, parts, image.container_images, known, source=short)
        requires += ["registry", *(at("registry-access", host.name) for host in cluster.hosts)]
    launch = Launch(
        cluster=cluster,
        image=image,
        choice=choice,
        app_types=parts.app_types,
        site=launch_site(cluster, parts, f"{cluster.data}/{path}"),
        requires=tuple(requires),
        network_requires=tuple(requires),
        read=read_reference,
        prepared=made.apps,
        redirecting=redirecting_here(cluster, image, parts)
        if own
        else redirecting_elsewhere(image, delivery, parts),
    )
    launches = with_pushes(cluster, image, parts, launch_steps(launch), source=short)
    if delivery:
        root = launch.site.root
        access = Access(home=home, skip_tls_verify=delivery.skip_tls_verify)
        by_digest = delivery.policy == NO_POLICY
        destination = Destination(location=delivery.registry, access=access, by_digest=by_digest)
        delivering = Delivering(
            image=image,
            bring=sending(root, imports) if delivery.nodes else pushing(root, destination),
            requires=tuple(requires),
            env=launch.site.environment({}),
        )
        launches = tuple(with_deliveries(delivering, launches))
    steps += launches
    given = [at("rootfs", host.name) for host in cluster.hosts]
    given += [at("container-runtime", host.name) for host in cluster.hosts]
    groups = plan_groups(cluster, parts, steps)
    return make_plan(steps, given=[*given, "api", "cluster"], groups=groups)
