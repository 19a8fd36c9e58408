"""The wires of a lab: a bridge on the operator's side, and a cable from it to every node.

All of it lives in network namespaces of the lab's own. The bridge has no port that leads out.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import ipaddress
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sealer.testing.lab.errors import LabError
from sealer.testing.lab.programs import run
from sealer.testing.lab.state import NodeRecord, Places

BRIDGE = "lab0"
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000

T = TypeVar("T")


def operator_address(network: ipaddress.IPv4Network) -> str:
    """Return the address of the operator's side, which is also the nodes' router: the first one."""
    return str(network[1])


def node_address(network: ipaddress.IPv4Network, number: int) -> str:
    """Return the address of a node: the one ten above its number.

    Raises:
        LabError: The network is too small.
    """
    if number + 11 >= network.num_addresses:
        raise LabError(f"the network {network} is too small for node n{number}")
    return str(network[10 + number])


def port(record: NodeRecord) -> str:
    """Return the name of a node's port on the operator's side."""
    return f"port{record.number}"


def create_operator_side(places: Places, network: ipaddress.IPv4Network) -> None:
    """Make the operator's network namespace with the bridge in it."""
    run(["ip", "netns", "add", places.operator])
    ip(
        places.operator,
        "link set lo up",
        f"link add {BRIDGE} address {_mac(places, BRIDGE)} type bridge",
        f"address add {operator_address(network)}/{network.prefixlen} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    )
    settings = (
        "net.ipv4.ip_forward=1",
        "net.bridge.bridge-nf-call-iptables=0",
        "net.ipv4.conf.all.rp_filter=0",
    )
    for setting in settings:
        name, _, value = setting.partition("=")
        inside(places.operator, "sysctl", "-q", "-e", "-w", f"{name}={value}")


def plug_in(places: Places, network: ipaddress.IPv4Network, record: NodeRecord) -> None:
    """Give a node that starts a network namespace and a new network card, cabled as its record says."""
    namespace = places.network(record.name)
    remove_namespace(namespace)
    unplug(places, record)
    run(["ip", "netns", "add", namespace])
    card = f"eth0 address {_mac(places, record.name)} netns {namespace}"
    state = "up" if record.plugged else "down"
    ip(
        places.operator,
        f"link add {port(record)} address {_mac(places, port(record))} type veth peer name {card}",
        f"link set {port(record)} master {BRIDGE} {state}",
    )
    ip(
        namespace,
        "link set lo up",
        f"address add {record.address}/{network.prefixlen} broadcast {network.broadcast_address} dev eth0",
        "link set eth0 up",
        f"route add default via {operator_address(network)}",
    )


def unplug(places: Places, record: NodeRecord) -> None:
    """Remove a node's port from the operator's side, if there is one."""
    run(["ip", "-n", places.operator, "link", "delete", port(record)], check=False)


def remove_namespace(namespace: str) -> None:
    """Remove a network namespace and the files ``ip`` shows inside it; nothing happens when there is none."""
    if (_NAMESPACES / namespace).exists():
        run(["ip", "netns", "delete", namespace])
    shutil.rmtree(Path("/etc/netns", namespace), ignore_errors=True)
    with contextlib.suppress(OSError):
        Path("/etc/netns").rmdir()


def namespaces(lab: str | None = None) -> tuple[str, ...]:
    """Return the names of a lab's network namespaces, or of those of all labs."""
    prefix = "sealer-lab." if lab is None else f"sealer-lab.{lab}."
    if not _NAMESPACES.is_dir():
        return ()
    return tuple(sorted(path.name for path in _NAMESPACES.iterdir() if path.name.startswith(prefix)))


def name_nodes(places: Places, addresses: dict[str, str]) -> None:
    """Let programs on the operator's side find nodes by name, and ask no name server."""
    directory = Path("/etc/netns", places.operator)
    directory.mkdir(parents=True, exist_ok=True)
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in addresses.items())]
    (directory / "hosts").write_text("\n".join(lines) + "\n")
    (directory / "resolv.conf").write_text("# The operator's side of the lab has no name server.\n")


def wait_for_ssh(places: Places, address: str, *, timeout: float, alive: Callable[[], bool]) -> None:
    """Wait until an SSH server answers at an address on the lab's network.

    Args:
        places: The lab.
        address: Where to connect, at port 22.
        timeout: Seconds to wait at most.
        alive: Asked from time to time; when it says no, waiting ends at once.

    Raises:
        LabError: No answer in time, or ``alive`` said no.
    """
    deadline = time.monotonic() + timeout
    grace = time.monotonic() + 5.0
    while not in_network(places.operator, lambda: _greets(address)):
        now = time.monotonic()
        if now > deadline:
            raise LabError(f"no SSH server answers at {address} within {timeout:g} s")
        if now > grace and not alive():
            raise LabError(f"the node at {address} ended before its SSH server answered")
        time.sleep(0.05)


def in_network(namespace: str, work: Callable[[], T]) -> T:
    """Call a function in a thread of its own, whose sockets belong to a network namespace.

    Raises:
        LabError: There is no such namespace.
    """
    outcome: list[T] = []
    problem: list[Exception] = []

    def body() -> None:
        try:
            _enter_network(namespace)
            outcome.append(work())
        except Exception as error:  # noqa: BLE001  (raised again by the caller's thread)
            problem.append(error)

    thread = threading.Thread(target=body, name=f"in {namespace}", daemon=True)
    thread.start()
    thread.join()
    if problem:
        raise problem[0]
    return outcome[0]


def ip(namespace: str, *commands: str) -> None:
    """Run several ``ip`` commands in a network namespace, stopping at the first that fails."""
    run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(commands) + "\n")


def inside(namespace: str, *argv: str) -> str:
    """Run a program of the host in a network namespace and return its output."""
    return run(["ip", "netns", "exec", namespace, *argv]).stdout


def _enter_network(namespace: str) -> None:
    """Move the calling thread into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        with (_NAMESPACES / namespace).open("rb") as file:
            if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                code = ctypes.get_errno()
                raise LabError(f"the network {namespace} cannot be entered: {os.strerror(code)}")
    except FileNotFoundError:
        raise LabError(f"there is no network {namespace}") from None


def _mac(places: Places, name: str) -> str:
    """Return a hardware address that stays the same when a node is started again."""
    digest = hashlib.sha256(f"{places.lab}/{name}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1.0) as connection:
            connection.settimeout(2.0)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
