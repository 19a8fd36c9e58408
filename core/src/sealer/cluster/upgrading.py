"""Taking a cluster over to another image, version by version, and what that would do."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace

from sealer.cluster.image_files import planned_image
from sealer.cluster.image_plugins import all_plugins
from sealer.cluster.images import available, available_on, images_again, images_for_hosts, platforms_in
from sealer.cluster.install import ordered, require_registry
from sealer.cluster.kinds import Kind, look_at
from sealer.cluster.kube_version import require_supported
from sealer.cluster.outlook import Outlook
from sealer.cluster.parts import choose_parts
from sealer.cluster.pipeline import upgrade_plan
from sealer.cluster.request import Request, noted, request_of, state_before
from sealer.cluster.request_plan import made_for
from sealer.cluster.session import Context
from sealer.cluster.state import require_state
from sealer.cluster.view import cluster_view
from sealer.errors import RecordDamaged, UsageError
from sealer.model import DRAIN_SECONDS, RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, ImageType, Upgrade
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan
from sealer.operation.records import ClusterRecords, Operation

UPGRADE = "upgrade"
"""The verb of these operations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How hosts have their turns: what the upgrade is called on them, and what the user asks for."""

    stamp: str
    batch: int
    drain_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What is recorded of an upgrade, beside the request."""

    upgrade: Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeWish:
    """What the user asks for.

    Attributes:
        reference: The name of the new cluster image.
        batch: How many nodes are upgraded at one time.
        drain_seconds: How long the pods of one host may take to move away.
    """

    reference: str
    batch: int = 1
    drain_seconds: int = DRAIN_SECONDS


async def upgrade(context: Context, records: ClusterRecords, wish: UpgradeWish) -> Summary:
    """Upgrade a cluster.

    Raises:
        PlanError: There is no way from the cluster's image to this one; nothing was changed.
        HostsFailed: A host is not healthy: what comes after it was not begun. The operation can be resumed,
            or taken back.
    """
    await available(context, wish.reference)
    with records.lock(UPGRADE):
        before = require_state(records)
        await available_on(context, wish.reference, platforms_in(before.facts))
        request, turns = _asked(context, before, wish)
        plan_of(context, request, before, turns)
        records.require_none_open()
        await require_registry(context, request)
        beside = asdict(Noted(upgrade=turns))
        return await UPGRADING.begin(context, records, request, before=before, beside=beside)


async def look_at_upgrade(context: Context, records: ClusterRecords, wish: UpgradeWish) -> Outlook:
    """Say what an upgrade would do.

    Raises:
        SealerError: As for doing it.
    """
    await available(context, wish.reference)
    before = require_state(records)
    await available_on(context, wish.reference, platforms_in(before.facts))
    request, turns = _asked(context, before, wish)
    return await look_at(context, request, plan_of(context, request, before, turns), verb=UPGRADE)


def _asked(context: Context, before: Request, wish: UpgradeWish) -> tuple[Request, Turns]:
    """Return the cluster as it is to be, and what else the operation's record needs.

    Raises:
        UsageError: The image is no cluster image of the same distribution, or nothing is installed.
    """
    name = before.clusterfile.cluster.name
    if not before.is_installed:
        raise UsageError(f"nothing is installed on the hosts of cluster {name}", hint="use sealer run")
    old = images_again(context.store, before.image).metadata
    facts = ordered(before.clusterfile, before.facts)
    images = images_for_hosts(context.store, wish.reference, facts)
    new = images.metadata
    if new.type is not ImageType.CLUSTER:
        raise UsageError(
            f"{wish.reference} is no cluster image",
            hint=f"an application image goes there with: sealer run {wish.reference}",
        )
    types = [image.labels.get(RUNTIME_TYPE_LABEL) for image in (old, new)]
    if types[0] != types[1]:
        raise UsageError(
            f"cluster {name} runs {types[0]}, image {wish.reference} brings {types[1]}",
            hint="an upgrade stays with its distribution; another one is a new cluster",
        )
    if not before.choice.ignore_version:
        require_supported(new, new.labels.get(RUNTIME_VERSION_LABEL, ""), where=name)
    request = replace(before, image=images.choice(wish.reference), application=None)
    turns = Turns(
        stamp=time.strftime("%Y%m%d%H%M%S", time.gmtime()),
        batch=wish.batch,
        drain_seconds=wish.drain_seconds,
    )
    return request, turns


def plan_of(context: Context, request: Request, before: Request, turns: Turns) -> Plan:
    """Return the plan of an upgrade.

    Raises:
        PlanError: There is no way from the one image to the other.
    """
    images = images_again(context.store, request.image)
    previous = images_again(context.store, before.image).metadata
    spec = request.clusterfile.cluster
    parts = choose_parts(images.metadata, context.plugins, spec, context.home)
    image = planned_image(context.store, images, parts)
    plugins = all_plugins(context.store, images.main, request.clusterfile)
    cluster = cluster_view(request.clusterfile, image, request.facts, parts, plugins)
    upgrading = Upgrade(previous=previous, **asdict(turns))
    choice, made = made_for(context, request, cluster, images, parts)
    return upgrade_plan(
        cluster,
        images.layers,
        parts,
        choice,
        upgrading,
        made=made,
        plugins=plugins,
        served=request.stored_images,
    )


def plan_of_upgrade(context: Context, operation: Operation) -> Plan:
    """Return the plan of an operation on record.

    Raises:
        SealerError: Its record is damaged.
    """
    before = state_before(operation)
    if before is None:
        place = str(operation.directory)
        raise RecordDamaged("the record is damaged", place=place, hint=operation.way_out)
    return plan_of(context, request_of(operation), before, noted(operation, Noted).upgrade)


UPGRADING = Kind(verb=UPGRADE, plan=plan_of_upgrade)
