"""New credentials and certificates for the registry of a cluster that runs, and for all that pull."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from sealer.cluster.install import prepare_again
from sealer.cluster.kinds import Kind, look_at
from sealer.cluster.outlook import Outlook
from sealer.cluster.registry_access import access_steps, named_images, plan_groups
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.session import Context
from sealer.cluster.state import require_state
from sealer.errors import PlanError
from sealer.model import Renewal, at
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation
from sealer.providers import SupportsRotation

ROTATE = "rotate"
"""The verb of these operations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What the record of such an operation says beside the request: what tells it from all others."""

    stamp: str


def new_rotation() -> Rotated:
    """Return what tells a rotation that begins now from all others."""
    return Rotated(stamp=time.strftime("%Y%m%d%H%M%S", time.gmtime()))


async def rotate(context: Context, records: ClusterRecords) -> Summary:
    """Give the registry of a cluster new credentials and certificates, and let all hosts know them.

    Raises:
        PlanError: The cluster has no registry, or its registry can't do that.
        HostsFailed: Something could not be done; the operation can be resumed.
    """
    with records.lock(ROTATE):
        request = require_state(records)
        rotated = new_rotation()
        rotation_plan(context, request, rotated)
        records.require_none_open()
        return await ROTATION.begin(context, records, request, before=request, beside=asdict(rotated))


async def look_at_rotation(context: Context, records: ClusterRecords) -> Outlook:
    """Say what a rotation would do.

    Raises:
        SealerError: As for doing it.
    """
    records.require_unlocked()
    request = require_state(records)
    records.require_none_open()
    return await look_at(context, request, rotation_plan(context, request, new_rotation()), verb=ROTATE)


def plan_of_rotation(context: Context, operation: Operation) -> Plan:
    """Return the plan of an operation on record.

    Raises:
        RecordDamaged: Its record is damaged.
    """
    return rotation_plan(context, request_of(operation), noted(operation, Rotated))


ROTATION = Kind(verb=ROTATE, plan=plan_of_rotation)


def rotation_plan(context: Context, request: Request, rotated: Rotated) -> Plan:
    """Return the plan of a rotation.

    Raises:
        PlanError: The cluster has no registry, or its registry can't do that.
    """
    prepared = prepare_again(context, request)
    cluster, registry = prepared.cluster, prepared.parts.registry
    if registry is None:
        raise PlanError(f"cluster {cluster.name} has no registry", hint="its image has no container images")
    if not isinstance(registry, SupportsRotation):
        raise PlanError(
            f"the registry {registry.name} can't be given new credentials by Sealer", hint="use its own means"
        )
    steps = [
        *registry.rotate(cluster, Renewal(stamp=rotated.stamp)),
        *access_steps(
            cluster,
            prepared.parts,
            named_images(cluster, cluster.image, request.stored_images),
            source="image",
        ),
    ]
    there = ("rootfs", "registry-store", "container-runtime")
    given = [at(name, host.name) for host in cluster.hosts for name in there]
    groups = plan_groups(cluster, prepared.parts, steps)
    return make_plan(steps, given=[*given, "api", "cluster"], groups=groups)
