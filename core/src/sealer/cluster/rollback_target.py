"""Which operation a rollback takes back."""

from __future__ import annotations

from sealer.cluster.removal_plan import REMOVALS, ROLLED_BACK
from sealer.errors import SealerError, UsageError
from sealer.operation.records import ClusterRecords, Operation


def newest_change(records: ClusterRecords) -> Operation | None:
    """Return the newest operation that a rollback could take back, or None when there is none."""
    changing = _changing(records)
    return changing[-1] if changing else None


def _changing(records: ClusterRecords) -> list[Operation]:
    return [
        operation
        for operation in records.operations()
        if operation.verb not in REMOVALS and operation.history().finished != ROLLED_BACK
    ]


def rollback_target(records: ClusterRecords, identity: str | None) -> Operation:
    """Return the operation that a rollback would take back.

    Raises:
        UsageError: It is not the newest that changed something, or there is none of that id.
        SealerError: There is none at all.
    """
    changing = _changing(records)
    if not changing:
        raise SealerError(
            f"cluster {records.cluster} has no operation that could be taken back",
            hint=f"what was done: sealer operations list --cluster {records.cluster}",
        )
    newest = changing[-1]
    if identity is None or identity == newest.id:
        return newest
    if identity not in [operation.id for operation in changing]:
        raise UsageError(
            f"there is no operation {identity} to take back on cluster {records.cluster}",
            hint=f"what was done: sealer operations list --cluster {records.cluster}",
        )
    raise UsageError(
        f"operation {newest.id} came after {identity} and stands on what it did",
        hint=f"take that one back first: sealer operations rollback {newest.id}",
    )
