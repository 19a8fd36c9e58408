"""Taking hosts out of a cluster: pods move away, controllers leave etcd, and the API server forgets nodes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from sealer.changes import quote
from sealer.errors import PlanError
from sealer.kubernetes import (
    clearing_step,
    drain_command,
    forget_command,
    is_forgotten,
    leave_in_turn,
    leaving_masters,
    removal_step,
    require_quorum,
    speaker,
)
from sealer.model import Cluster, Departure, Host, Step
from sealer_runtime_k0s.config import has_etcd, specification
from sealer_runtime_k0s.fragments import config_flag
from sealer_runtime_k0s.names import KUBECTL, PROGRAM, node_name
from sealer_runtime_k0s.version import image_version

# What newer releases keep for each controller beside its node.
_OBJECTS = ("controlnodes.autopilot.k0sproject.io", "etcdmembers.etcd.k0sproject.io")


def removal_steps(cluster: Cluster, departure: Departure) -> Iterator[Step]:
    """Return the steps after which the cluster does without some hosts: controllers one after the other.

    Raises:
        PlanError: etcd would lose its quorum, nobody could do it, or workers know that controller alone.
    """
    agent = speaker(cluster, departure)
    masters = leaving_masters(departure)
    if masters and has_etcd(cluster):
        require_quorum(cluster, departure)
    _require_endpoint(cluster, masters)
    return leave_in_turn(
        departure,
        lambda host, before: _remove_step(cluster, departure, host, agent, before),
        clearing=clearing_step(departure, agent, distribution="k0s", kubectl=KUBECTL, node=node_name),
    )


def _require_endpoint(cluster: Cluster, leaving: tuple[Host, ...]) -> None:
    """Refuse to take away the controller whose address all others were given."""
    address = specification(cluster)["api"].get("externalAddress")
    for host in leaving:
        if address == str(ipaddress.ip_address(host.address)):
            raise PlanError(
                f"all hosts reach the API server at {host.name}, and k0s {image_version(cluster.image)} "
                "has no balancer of its own",
                hint="make the cluster with spec.api.externalAddress, a balancer's name, or with k0s 1.26",
            )


def _remove_step(
    cluster: Cluster, departure: Departure, host: Host, agent: Host, before: tuple[str, ...]
) -> Step:
    node = node_name(host)
    gone = is_forgotten(KUBECTL, node)
    lines = []
    if host.name not in departure.lost:
        drain = drain_command(KUBECTL, node, departure.drain_seconds)
        lines.append(f"if ! {{ {gone}; }}; then {drain}; fi")
    if host.is_master and has_etcd(cluster):
        # Last of all, so that what was cut off is done to its end when it is done again.
        gone = f"{_has_no_member(cluster, host)} && {gone}"
        lines.append(f"if ! {{ {_has_no_member(cluster, host)}; }}; then {_leave(cluster, host)}; fi")
    if host.is_master:
        lines += [_forget(kind, node) for kind in _OBJECTS]
    lines.append(forget_command(KUBECTL, node))
    return removal_step(
        departure, host, agent, distribution="k0s", node=node, run=lines, gone=gone, requires=before
    )


def _leave(cluster: Cluster, host: Host) -> str:
    address = ipaddress.ip_address(host.address)
    return f"{PROGRAM} etcd leave{config_flag(image_version(cluster.image))} --peer-address={address}"


def _has_no_member(cluster: Cluster, host: Host) -> str:
    """Return sh that succeeds when etcd answers and has no member at the host's address."""
    address = ipaddress.ip_address(host.address)
    peer = f"//[{address}]:" if address.version == 6 else f"//{address}:"
    listing = f"{PROGRAM} etcd member-list{config_flag(image_version(cluster.image))}"
    found = f'found=$({listing} 2>/dev/null) && [ -n "$found" ]'
    return f"{found} && ! printf '%s' \"$found\" | grep -Fq {quote(peer)}"


def _forget(kind: str, name: str) -> str:
    known = f'[ -n "$({KUBECTL} get crd {kind} --ignore-not-found -o name)" ]'
    return f"if {known}; then {KUBECTL} delete {kind} {quote(name)} --ignore-not-found; fi"
