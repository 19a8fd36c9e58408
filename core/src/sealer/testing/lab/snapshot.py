"""What there is on a node: the state two moments are compared by, to prove that nothing was left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sealer.testing.lab import system
from sealer.testing.lab.files import DEFAULT_IGNORED, Ignored, read_files
from sealer.testing.lab.node import Node


class Kind(StrEnum):
    """The kinds of things a snapshot holds."""

    FILE = "file"
    UNIT_FILE = "unit file"
    UNIT = "unit"
    MOUNT = "mount"
    LINK = "link"
    ADDRESS = "address"
    ROUTE = "route"
    RULE = "rule"
    IPTABLES = "iptables"
    IP6TABLES = "ip6tables"
    NFTABLES = "nftables"
    IPSET = "ipset"
    USER = "user"
    GROUP = "group"
    HOSTS = "hosts"
    SYSCTL = "sysctl"
    PROCESS = "process"
    CGROUP = "cgroup"
    NAMESPACE = "namespace"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there was on a node at one moment.

    Attributes:
        node: The node's name.
        things: For each kind, what there was by name, and in words what is known about it.
    """

    node: str
    things: Mapping[Kind, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came, went or changed between two snapshots.

    Attributes:
        kind: The kind of thing.
        name: Which one: a path, a unit's name, the text of a rule.
        before: What was known about it, or None when it was not there.
        after: What is known about it, or None when it is no longer there.
    """

    kind: Kind
    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.kind} {self.name} {self.after}".rstrip()
        if self.after is None:
            return f"- {self.kind} {self.name} {self.before}".rstrip()
        return f"~ {self.kind} {self.name} {self.before} -> {self.after}"


def snapshot(node: Node, *, ignored: Ignored = DEFAULT_IGNORED) -> Snapshot:
    """Take down all that an installer could leave on a running node.

    On a node with systemd it first waits until that has started everything, so that two snapshots of an
    untouched node are equal. Takes about two seconds the first time, less afterwards.

    Args:
        node: The node; its power must be on.
        ignored: Which files are left out, or taken down without their contents.

    Raises:
        LabError: The node is off, or a program on it failed.
    """
    node.wait_until_started()
    link = system.links(node)
    shared_until = Path(node.record.lower).stat().st_ctime_ns
    things: dict[Kind, Mapping[str, str]] = {
        Kind.FILE: read_files(node.init.pid, ignored, shared_until=shared_until),
        Kind.UNIT_FILE: system.unit_files(node),
        Kind.UNIT: system.units(node),
        Kind.MOUNT: system.mounts(node),
        Kind.LINK: link.links,
        Kind.ADDRESS: link.addresses,
        Kind.ROUTE: system.routes(node),
        Kind.RULE: system.rules(node),
        Kind.IPTABLES: system.iptables(node, "iptables"),
        Kind.IP6TABLES: system.iptables(node, "ip6tables"),
        Kind.NFTABLES: system.nftables(node),
        Kind.IPSET: system.ipsets(node),
        Kind.USER: system.accounts(node, "passwd"),
        Kind.GROUP: system.accounts(node, "group"),
        Kind.HOSTS: system.hosts(node),
        Kind.SYSCTL: system.sysctls(node),
        Kind.PROCESS: system.processes(node),
        Kind.CGROUP: system.control_groups(node),
        Kind.NAMESPACE: system.namespaces(node),
    }
    return Snapshot(node.name, things)


def compare(before: Snapshot, after: Snapshot, *, leaving_out: Iterable[Kind] = ()) -> tuple[Difference, ...]:
    """Return what came, went or changed between two snapshots, ordered by kind and name.

    Args:
        before: The earlier snapshot.
        after: The later one.
        leaving_out: Kinds that do not matter to the caller.

    Raises:
        ValueError: The snapshots are of different nodes.
    """
    if before.node != after.node:
        raise ValueError(f"a snapshot of {before.node} cannot be compared with one of {after.node}")
    found = []
    for kind in Kind:
        if kind not in set(leaving_out):
            old, new = before.things[kind], after.things[kind]
            found += [
                Difference(kind, name, old.get(name), new.get(name))
                for name in sorted(old.keys() | new.keys())
                if old.get(name) != new.get(name)
            ]
    cards = {one.name for one in found if one.kind is Kind.LINK and None in {one.before, one.after}}
    return tuple(one for one in found if not _belongs_to(one, cards))


def _belongs_to(difference: Difference, cards: set[str]) -> bool:
    """Say whether a setting came or went with a network card, which is told already."""
    words = difference.name.split("/")
    return difference.kind is Kind.SYSCTL and len(words) == 5 and words[3] in cards  # net/ipv4/conf/eth0/...
