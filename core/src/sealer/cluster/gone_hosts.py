"""Hosts that have left a cluster, are out of reach or other machines by now, and how things go on without."""

from __future__ import annotations

import contextlib

from sealer.cluster.request import Request
from sealer.cluster.state import load_state
from sealer.errors import (
    AuthenticationFailed,
    HostError,
    HostKeyRejected,
    HostsFailed,
    HostUnreachable,
    RecordDamaged,
)
from sealer.operation.records import ClusterRecords


def still_there(records: ClusterRecords, request: Request) -> Request:
    """Return a request of earlier without the hosts that have left the cluster since: they don't come back.

    Args:
        records: Of the cluster.
        request: Of an operation, or what was remembered before one.
    """
    state = None
    with contextlib.suppress(RecordDamaged):
        state = load_state(records)
    if state is None:
        return request
    members = {host.address for host in state.clusterfile.cluster.hosts}
    left = {host.address for host in request.clusterfile.cluster.hosts} - members
    return request.without_hosts(frozenset(left)) if left else request


def say_without_gone(error: HostsFailed, command: str) -> None:
    """Add to a failure, if hosts could not be reached, the command that goes on without them.

    A machine that was put in the place of one that is gone has another key, and may let nobody in.
    """
    gone = (HostUnreachable, HostKeyRejected, AuthenticationFailed)
    if any(isinstance(one, gone) for one in error.failures.values()):
        error.hint = f"{error.hint}   without hosts that are gone: {command}"


def unusable(error: HostError) -> str:
    """Return in a few words why there is no connection to a host."""
    match error:
        case HostUnreachable():
            return "can't be reached"
        case HostKeyRejected():
            return "shows another key than it should"
        case _:
            return "can't be used"
