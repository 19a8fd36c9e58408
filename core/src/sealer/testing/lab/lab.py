"""A set of machines on a network of their own, and the operator's side of it."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from sealer.testing.lab import cgroups, cleanup, keys, network
from sealer.testing.lab.cache import locked
from sealer.testing.lab.disk import make_disk
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.inotify import require_instances
from sealer.testing.lab.node import Node
from sealer.testing.lab.programs import require_programs, require_root, run
from sealer.testing.lab.root import ensure_root
from sealer.testing.lab.state import (
    Mode,
    NodeRecord,
    Places,
    default_base,
    load_network,
    register,
    registered,
    save_network,
)

PASSWORD = "lab"
"""Root's password on every node. Nothing outside the lab can reach one."""


class Lab:
    """Machines made of namespaces on this host, reachable only from the lab's operator side.

    As a context manager it first clears what an earlier lab of the same name left, and takes everything down
    at the end. Several labs may exist at once if their names differ; their networks may even be the same.

    Args:
        name: Small letters, digits and dashes; everything the lab makes on the host carries it.
        network: An IPv4 network. The operator has its first address, node ``nK`` that of number 10 + K.
        base_dir: The directory below which the lab keeps keys and disks, on ext4 or another file system that
            can carry an overlay; by default below ``$SEALER_CACHE``.

    Raises:
        LabError: The name or the network makes no sense.
    """

    def __init__(
        self, name: str = "lab", network: str = "10.88.0.0/24", base_dir: Path | str | None = None
    ) -> None:
        base = default_base() if base_dir is None else Path(base_dir).absolute()
        self.places = Places(lab=name, home=base / name)
        try:
            self.network = ipaddress.IPv4Network(network)
        except ValueError as error:
            raise LabError(f"{network!r} is no IPv4 network: {error}") from error

    @classmethod
    def attach(cls, name: str = "lab") -> Self:
        """Return a lab that exists, made by this process or another.

        Raises:
            LabError: There is no such lab.
        """
        homes = {places.lab: places.home for places in registered()}
        places = Places(lab=name, home=homes.get(name, default_base() / name))
        return cls(name, str(load_network(places)), places.home.parent)

    def __enter__(self) -> Self:
        try:
            self.create()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def __repr__(self) -> str:
        return f"<Lab {self.places.lab} {self.network}>"

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.places.lab

    @property
    def key_path(self) -> Path:
        """The private SSH key that opens root's account on every node."""
        return self.places.key

    @property
    def password(self) -> str:
        """Root's password on every node."""
        return PASSWORD

    @property
    def known_hosts_path(self) -> Path:
        """A known_hosts file with the true host keys of the nodes, each by name and by address."""
        return self.places.known_hosts

    @property
    def operator_address(self) -> str:
        """The address of the operator's side, which is also the nodes' router."""
        return network.operator_address(self.network)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, in the order they were made, whether on or off."""
        return tuple(Node(self.places, name) for name in self.places.node_names())

    def node(self, name: str) -> Node:
        """Return a node by its name.

        Raises:
            LabError: There is no such node.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(self.places.node_names()) or "none"
        raise LabError(f"lab {self.name} has no node {name!r}", hint=f"its nodes: {known}")

    def create(self) -> None:
        """Clear what a lab of this name left, then make the operator's side and its key.

        Raises:
            LabError: Not root, or a program is missing.
        """
        require_root()
        require_programs()
        with self._lock():
            cleanup.remove(self.places)
            self.places.home.mkdir(parents=True)
            register(self.places)
            save_network(self.places, self.network)
            network.create_operator_side(self.places, self.network)
            network.name_nodes(self.places, {})
            keys.make_key(self.places.key, comment=f"operator of {self.name}")
            keys.write_known_hosts(self.places, {})

    def up(
        self,
        count: int,
        mode: Mode = "systemd",
        *,
        disk_size: int | None = None,
        root: Path | None = None,
    ) -> tuple[Node, ...]:
        """Add machines to the lab and start them.

        Args:
            count: How many.
            mode: ``systemd`` for a whole Debian system, ``sshd`` for only the SSH server, which is faster.
            disk_size: Bytes of the disk of each, a sparse ext4 image, so that full disks can be tested; None
                for as much room as the host has.
            root: The root below the disks, when it is not to be the lab's own, as for nodes with other
                packages: a changed copy of what ``ensure_root`` returns. No node writes to it.

        Returns:
            The new nodes, once the SSH server of each answers.

        Raises:
            LabError: The network has no room for them, the kernel has too few inotify instances left, or one
                does not start.
        """
        lower = root or ensure_root()
        with self._lock():
            if mode == "systemd":
                require_instances(count)
            first = len(self.places.node_names()) + 1
            records = [
                NodeRecord(
                    name=f"n{number}",
                    number=number,
                    address=network.node_address(self.network, number),
                    mode=mode,
                    lower=str(lower),
                    disk_size=disk_size,
                )
                for number in range(first, first + count)
            ]
            nodes = tuple(Node(self.places, record.name) for record in records)
            with ThreadPoolExecutor(max_workers=8) as pool:
                list(pool.map(self._make, records))
                addresses = {node.name: node.address for node in self.nodes}
                keys.write_known_hosts(self.places, addresses)
                network.name_nodes(self.places, addresses)
                list(pool.map(Node.power_on, nodes))
        return nodes

    def operator_command(self, argv: Sequence[str]) -> list[str]:
        """Return the argument list that runs a program on the operator's side.

        There the nodes can be reached, by address and by name, and nothing else can. The program sees this
        host's files. It ends with the lab at the latest.
        """
        inside = ("ip", "netns", "exec", self.places.operator, *argv)
        return cgroups.join_command(cgroups.create(self.name, "operator"), inside)

    def run_operator(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002  (as in subprocess.run)
        check: bool = True,
        timeout: float | None = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the operator's side and return its result with outputs as text.

        Args:
            argv: The program and its arguments.
            input: Text for its standard input; without it the input is empty.
            check: Whether an exit status other than 0 raises.
            timeout: Seconds after which it is killed; None waits for ever.

        Raises:
            LabError: The program failed or took too long.
        """
        command = self.operator_command(argv)
        return run(command, input=input, check=check, timeout=timeout, shown=argv, place="operator")

    def ssh_command(self, node: str, argv: Sequence[str] = ()) -> list[str]:
        """Return the argument list for SSH to a node from the operator's side; it checks the host key."""
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts_path),
            "GlobalKnownHostsFile": "/dev/null",
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        target = f"root@{self.node(node).address}"
        return self.operator_command(["ssh", "-F", "none", *flags, "-i", str(self.key_path), target, *argv])

    def route(self, subnet: str, node: str) -> None:
        """Have the lab's router send a subnet to a node, as a data centre's would for the pods on it."""
        network.ip(self.places.operator, f"route replace {subnet} via {self.node(node).address}")

    def down(self) -> None:
        """Remove everything of the lab, also when it was made by another process or half made.

        Raises:
            LabError: Something cannot be removed.
        """
        require_root()
        with self._lock():
            cleanup.remove(self.places)
        self._lock_file.unlink(missing_ok=True)

    def _make(self, record: NodeRecord) -> None:
        """Make a node's disk and write it down."""
        make_disk(self.places, record, password=PASSWORD)
        record.save(self.places.node(record.name) / "node.json")

    @property
    def _lock_file(self) -> Path:
        return self.places.home.with_name(f".{self.name}.lock")

    def _lock(self) -> AbstractContextManager[None]:
        return locked(self._lock_file)
