"""Names that all hosts of a cluster resolve to an address: added and taken away, as operations."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sealer.changes import Change, HostsEntry, NoHostsEntry
from sealer.cluster.install import prepare_again
from sealer.cluster.kinds import Kind, look_at
from sealer.cluster.outlook import Outlook
from sealer.cluster.request import Request, request_of, state_before
from sealer.cluster.session import Context
from sealer.cluster.state import require_state
from sealer.clusterfile import ClusterSpec, HostAlias
from sealer.clusterfile.addresses import is_host_name
from sealer.errors import UsageError
from sealer.model import Step, at
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation

HOST_ALIAS = "host-alias"
"""The verb of these operations."""

_STEP = "host-aliases"

Aliases = tuple[HostAlias, ...]


def with_alias(aliases: Aliases, ip: str, names: Sequence[str]) -> Aliases:
    """Return aliases with further names of an address.

    Raises:
        UsageError: It is no address, a name is none, or it stands for another address already.
    """
    address = _address(ip)
    for name in names:
        if not is_host_name(name):
            raise UsageError(f"{name!r} is no host name", hint="names have letters, digits, - and .")
        for alias in aliases:
            if name in alias.hostnames and alias.ip != address:
                raise UsageError(
                    f"{name} stands for {alias.ip} already",
                    hint=f"sealer host-alias remove --hostnames {name}",
                )
    if not names:
        raise UsageError("which names?", hint="--hostnames NAME,NAME")
    known = {alias.ip: alias.hostnames for alias in aliases}
    known[address] = tuple(dict.fromkeys((*known.get(address, ()), *names)))
    return tuple(HostAlias(ip=one, hostnames=found) for one, found in known.items())


def without_alias(aliases: Aliases, ip: str | None, names: Sequence[str]) -> Aliases:
    """Return aliases without some names, without an address and all its names, or without some of its names.

    Raises:
        UsageError: Neither is given, or there is no such alias.
    """
    if ip is None and not names:
        raise UsageError("which alias?", hint="--ip ADDRESS, --hostnames NAME,NAME, or both")
    address = None if ip is None else _address(ip)
    listed = "; ".join(f"{alias.ip} {' '.join(alias.hostnames)}" for alias in aliases) or "none"
    rest = []
    gone: set[str] = set()
    for alias in aliases:
        if address not in {None, alias.ip}:
            rest.append(alias)
            continue
        dropped = set(alias.hostnames) if not names else set(names) & set(alias.hostnames)
        gone |= dropped
        kept = tuple(name for name in alias.hostnames if name not in dropped)
        if kept:
            rest.append(HostAlias(ip=alias.ip, hostnames=kept))
    missing = set(names) - gone if names else set() if gone else {address or ""}
    if missing:
        raise UsageError(f"there is no alias {', '.join(sorted(missing))}", hint=f"there are: {listed}")
    return tuple(rest)


def alias_plan(before: Aliases, spec: ClusterSpec) -> Plan:
    """Return the plan after which hosts resolve the names of a cluster, and no longer those of before."""
    entries = tuple(HostsEntry(address=alias.ip, names=alias.hostnames) for alias in spec.host_aliases)
    first = {entry.names[0] for entry in entries}
    gone = (alias.hostnames[0] for alias in before if alias.hostnames and alias.hostnames[0] not in first)
    changes: tuple[Change, ...] = (*(NoHostsEntry(name=name) for name in gone), *entries)
    return make_plan(
        [
            Step(id=at(_STEP, host.address), title="name other hosts", host=host.address, changes=changes)
            for host in (*spec.masters, *spec.nodes)
        ]
    )


async def change_aliases(context: Context, records: ClusterRecords, aliases: Aliases) -> Summary:
    """Give a cluster these aliases, on all its hosts; hosts that join later get them as well.

    Raises:
        UsageError: The cluster itself needs one of the names.
        HostsFailed: Something could not be done; the operation can be resumed.
    """
    with records.lock(HOST_ALIAS):
        before = require_state(records)
        records.require_none_open()
        request = _wanted(context, before, aliases)
        return await ALIASING.begin(context, records, request, before=before)


async def look_at_aliases(context: Context, records: ClusterRecords, aliases: Aliases) -> Outlook:
    """Say what giving a cluster these aliases would change.

    Raises:
        SealerError: As for doing it.
    """
    records.require_unlocked()
    before = require_state(records)
    records.require_none_open()
    request = _wanted(context, before, aliases)
    plan = alias_plan(before.clusterfile.cluster.host_aliases, request.clusterfile.cluster)
    return await look_at(context, request, plan, verb=HOST_ALIAS)


def plan_of_aliasing(_: Context, operation: Operation) -> Plan:
    """Return the plan of an operation on record.

    Raises:
        RecordDamaged: Its record is damaged.
    """
    before = state_before(operation)
    known = () if before is None else before.clusterfile.cluster.host_aliases
    return alias_plan(known, request_of(operation).clusterfile.cluster)


ALIASING = Kind(verb=HOST_ALIAS, plan=plan_of_aliasing)


def _wanted(context: Context, before: Request, aliases: Aliases) -> Request:
    """Return the cluster with other aliases.

    Raises:
        UsageError: The cluster itself needs one of the names.
    """
    taken = _names_of_the_cluster(context, before)
    for alias in aliases:
        for name in alias.hostnames:
            if name in taken:
                raise UsageError(
                    f"{name} is a name that the cluster itself needs: it stands for {taken[name]}",
                    hint="choose another name",
                )
    clusterfile = before.clusterfile
    spec = replace(clusterfile.cluster, host_aliases=aliases)
    return replace(before, clusterfile=replace(clusterfile, cluster=spec))


def _names_of_the_cluster(context: Context, request: Request) -> Mapping[str, str]:
    """Return the names that the cluster's own plan puts into /etc/hosts, with their addresses."""
    if not request.is_installed:
        return {}
    steps = prepare_again(context, request).plan.steps
    return names_in(step for step in steps if step.id != at(_STEP, step.host))


def names_in(steps: Iterable[Step]) -> Mapping[str, str]:
    """Return the names that steps put into /etc/hosts, with their addresses."""
    entries = [change for step in steps for change in step.changes if isinstance(change, HostsEntry)]
    return {name: entry.address for entry in entries for name in entry.names}


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise UsageError(
            f"{text!r} is no IP address", hint="write it in digits: 10.0.0.1, or fd00::1"
        ) from None
