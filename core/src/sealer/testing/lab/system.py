"""What runs on a node and how its network is set up, as a snapshot tells it.

Each function returns names with what is known about each in words. What differs between two looks at an
untouched node is left out where it is read, and said there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from sealer.testing.lab import cgroups
from sealer.testing.lab.node import Node

_OWN_UNITS = re.compile(
    r"session-.*\.scope|user@.*\.service|user-.*\.(service|slice)|run-user-.*\.mount"
    r"|run-credentials-systemd.*\.mount|-\.mount"
)
"""Units of logins and of systemd's own start, and the root itself."""

_UNIT_TYPES = "service,socket,timer,path,mount,slice,scope,target,swap,automount"

_TRANSIENT_PROCESSES = re.compile(r"sshd|systemd-.*|\(.*\)|agetty|nsenter|unshare")
"""Processes whose number changes with logins, and those of systemd that come and go as it needs them."""

_VOLATILE_SYSCTLS = re.compile(
    r"net/netfilter/nf_conntrack_(count|buckets|max)|net/nf_conntrack_max|net/ipv[46]/route/flush"
    r"|net/ipv4/tcp_fastopen_key|net/ipv6/conf/.*/stable_secret|net/core/netdev_rss_key"
)

_COUNTERS = re.compile(r"\s*\[\d+:\d+\]")


class Links(NamedTuple):
    """The network cards of a node, real ones and others, and their addresses."""

    links: Mapping[str, str]
    addresses: Mapping[str, str]


def unit_files(node: Node) -> Mapping[str, str]:
    """Return the unit files systemd knows, and whether each is enabled."""
    if node.mode != "systemd":
        return {}
    lines = _lines(node, "systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain")
    return {words[0]: words[1] for line in lines if not _OWN_UNITS.fullmatch((words := line.split())[0])}


def units(node: Node) -> Mapping[str, str]:
    """Return the units that are active or failed, without those of logins."""
    if node.mode != "systemd":
        return {}
    flags = (
        "--no-legend",
        "--no-pager",
        "--plain",
        "--all",
        f"--type={_UNIT_TYPES}",
        "--state=active,failed",
    )
    lines = _lines(node, "systemctl", "list-units", *flags)
    return {words[0]: words[2] for line in lines if not _OWN_UNITS.fullmatch((words := line.split())[0])}


def mounts(node: Node) -> Mapping[str, str]:
    """Return the mount points, without systemd's directories for logins and for services that start."""
    found: dict[str, str] = {}
    for line in Path(f"/proc/{node.init.pid}/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point, (kind, source, *_) = before.split()[4], after.split()
        if not re.match(r"/run/(user/\d+|credentials/|systemd/)", point):
            found[point] = f"{found.get(point, '')} {kind} from {source}".strip()
    return found


def links(node: Node) -> Links:
    """Return network cards and addresses; numbers and counters of cards are left out."""
    cards: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for card in json.loads(node.run(["ip", "-json", "-details", "address"]).stdout):
        name = card["ifname"]
        kind = card.get("linkinfo", {}).get("info_kind", card["link_type"])
        flags = " up" if "UP" in card["flags"] else ""
        cards[name] = f"{kind} {card['address']} mtu {card['mtu']} master {card.get('master', '-')}{flags}"
        for address in card["addr_info"]:
            addresses[f"{address['local']}/{address['prefixlen']} {name}"] = address["scope"]
    return Links(cards, addresses)


def routes(node: Node) -> Mapping[str, str]:
    """Return the routes of all tables, without those to a card's own link-local address.

    The kernel adds these a second or two after a card is up.
    """
    found: dict[str, str] = {}
    for version in ("-4", "-6"):
        for line in _lines(node, "ip", version, "route", "show", "table", "all"):
            if not re.match(r"local fe80:|multicast ff|anycast fe80:", line):
                found[" ".join(re.sub(r" (expires \S+|linkdown|dead)", "", line).split())] = ""
    return found


def rules(node: Node) -> Mapping[str, str]:
    """Return the rules that choose a routing table."""
    found = {f"{v} {line}": "" for v in ("-4", "-6") for line in _lines(node, "ip", v, "rule")}
    return {" ".join(name.split()): text for name, text in found.items()}


def iptables(node: Node, program: str) -> Mapping[str, str]:
    """Return chains and rules, counters left out, of both the nft and the older kind of tables.

    A table's own chains are left out while they let everything pass and have no rules: looking at a table
    can make them.
    """
    legacy = {"iptables": "ip_tables_names", "ip6tables": "ip6_tables_names"}[program]
    saves = {"": f"{program}-nft-save"}
    if node.run(["cat", f"/proc/net/{legacy}"], check=False).stdout.strip():
        saves["legacy "] = f"{program}-legacy-save"
    found: dict[str, str] = {}
    for prefix, save in saves.items():
        table = ""
        for line in _lines(node, save):
            text = _COUNTERS.sub("", line)
            if text.startswith("*"):
                table = text[1:]
            elif text.startswith((":", "-")) and not re.fullmatch(r":[A-Z]+ ACCEPT", text):
                name = f"{prefix}{table} {text}"
                found[name] = f"{len(found.get(name, '')) + 1} times" if name in found else ""
    return found


def nftables(node: Node) -> Mapping[str, str]:
    """Return the tables of nftables with their rules, counters left out."""
    found: dict[str, str] = {}
    text = node.run(["nft", "--stateless", "list", "ruleset"]).stdout
    for table in re.findall(r"^table .*?^}", text, flags=re.MULTILINE | re.DOTALL):
        head, _, body = table.partition(" {")
        found[head.removeprefix("table ")] = re.sub(
            r"counter packets \d+ bytes \d+ ?", "", " ".join(body.split())
        )
    return found


def ipsets(node: Node) -> Mapping[str, str]:
    """Return the names of the sets of addresses."""
    return dict.fromkeys(_lines(node, "ipset", "list", "-name"), "")


def accounts(node: Node, database: str) -> Mapping[str, str]:
    """Return the lines of ``passwd`` or ``group``, by name."""
    return {line.split(":")[0]: line for line in _file(node, f"/etc/{database}")}


def hosts(node: Node) -> Mapping[str, str]:
    """Return the lines of /etc/hosts."""
    return {line: "" for line in _file(node, "/etc/hosts") if line.strip()}


def sysctls(node: Node) -> Mapping[str, str]:
    """Return the settings of the node's network: all of net.*; what counts or is secret is left out.

    The limits of connection tracking are left out too: they are the whole machine's and not the node's.
    """
    found: dict[str, str] = {}
    # Some can't be read: only written, or not without the hardware.
    for line in _lines(node, "sh", "-c", "cd /proc/sys && grep -ars '' net || :"):
        name, _, value = line.partition(":")
        if not _VOLATILE_SYSCTLS.fullmatch(name):
            found[name] = f"{found.get(name, '')} {value}".strip()
    return found


def processes(node: Node) -> Mapping[str, str]:
    """Return the names of the programs that run, without those that come and go by themselves."""
    found: dict[str, str] = {}
    for pid in _pids(node):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] and not _TRANSIENT_PROCESSES.fullmatch(name):
            found[name] = ""
    return found


def control_groups(node: Node) -> Mapping[str, str]:
    """Return the control groups that are not those of units, which are told as units."""
    ending = re.compile(r".*\.(service|scope|mount|socket|swap|automount)")
    found: dict[str, str] = {}
    for directory in cgroups.find(node.places.lab):
        top = directory / node.name
        for path, names, _ in os.walk(top):
            names[:] = [name for name in names if not ending.fullmatch(name) and not name.startswith("user-")]
            found.update({f"/{(Path(path) / name).relative_to(top)}": "" for name in names})
    return found


def namespaces(node: Node) -> Mapping[str, str]:
    """Return the named network namespaces."""
    return {line.split()[0]: "" for line in _lines(node, "ip", "netns", "list")}


def _pids(node: Node) -> frozenset[int]:
    found: set[int] = set()
    for directory in cgroups.find(node.places.lab):
        found |= cgroups.pids(directory / node.name)
    return frozenset(found)


def _lines(node: Node, *argv: str) -> Iterator[str]:
    for line in node.run(argv).stdout.splitlines():
        if line.strip():
            yield line


def _file(node: Node, path: str) -> list[str]:
    return node.run(["cat", path]).stdout.splitlines()
