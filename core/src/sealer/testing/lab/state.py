"""What a lab writes down so that another process can use it, or clear it away after a crash."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from sealer.testing.lab.cache import cache_directory
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.processes import Process

Mode = Literal["systemd", "sshd"]
"""What runs as PID 1 of a node: a whole Debian system, or only the SSH server."""

REGISTER = Path("/run/sealer-lab")
"""Holds a link for each lab that exists, to its directory."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a node's link is made worse, in both directions alike.

    Attributes:
        rate: Bits per second, or None for no limit.
        delay: Seconds by which each packet is held back; a ping takes twice as much longer.
        loss: The share of packets that get lost, from 0 to 1.
    """

    rate: int | None = None
    delay: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What is fixed about a node, and the condition of its cable.

    Attributes:
        name: The node's host name, ``n1`` and so on.
        number: Counts from 1.
        address: Its IPv4 address.
        mode: What runs as its PID 1.
        lower: The directory of the root below its disk.
        disk_size: Bytes of its disk, or None for as much as the host has.
        plugged: Whether its cable is plugged in.
        shape: How its link is made worse, or None for the full speed of the host.
    """

    name: str
    number: int
    address: str
    mode: Mode
    lower: str
    disk_size: int | None = None
    plugged: bool = True
    shape: Shape | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a record that ``save`` wrote."""
        document = _read(path)
        shape = document.pop("shape")
        return cls(**document, shape=None if shape is None else Shape(**shape))

    def save(self, path: Path) -> None:
        """Write the record, replacing an older one at once."""
        write_atomically(path, json.dumps(asdict(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Every name a lab uses on the host, derived from its own.

    Attributes:
        lab: The lab's name: small letters, digits and dashes.
        home: The directory of its keys and disks.
    """

    lab: str
    home: Path
    operator: str = field(init=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.lab):
            raise LabError(f"{self.lab!r} is no name for a lab", hint="use small letters, digits and dashes")
        object.__setattr__(self, "operator", self.network("operator"))

    @property
    def settings(self) -> Path:
        """The file that holds what ``Lab`` was made with."""
        return self.home / "lab.json"

    @property
    def key(self) -> Path:
        """The operator's private SSH key; the public one lies beside it."""
        return self.home / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The file with the nodes' true host keys."""
        return self.home / "known_hosts"

    def node(self, name: str) -> Path:
        """Return the directory of a node."""
        return self.home / "nodes" / name

    def network(self, name: str) -> str:
        """Return the name of the network namespace of a node or of the operator."""
        return f"sealer-lab.{self.lab}.{name}"

    def node_names(self) -> tuple[str, ...]:
        """Return the names of the nodes that have a record, in order."""
        records = [NodeRecord.load(path) for path in (self.home / "nodes").glob("*/node.json")]
        return tuple(record.name for record in sorted(records, key=lambda record: record.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The processes that keep a node powered.

    Attributes:
        power: The supervisor that starts PID 1, again when the node reboots itself.
        init: PID 1 of the node, as the host numbers it.
    """

    power: Process
    init: Process

    @classmethod
    def load(cls, node: Path) -> Running | None:
        """Return what is written down in a node's directory, or None when the node is off."""
        try:
            document = _read(node / "running.json")
        except FileNotFoundError:
            return None
        return cls(power=Process(**document["power"]), init=Process(**document["init"]))

    def save(self, node: Path) -> None:
        """Write it into a node's directory."""
        write_atomically(node / "running.json", json.dumps(asdict(self)))


def default_base() -> Path:
    """Return the directory below which labs live unless told otherwise."""
    return cache_directory() / "lab" / "labs"


def load_network(places: Places) -> ipaddress.IPv4Network:
    """Return the network of a lab that exists.

    Raises:
        LabError: There is no such lab.
    """
    try:
        return ipaddress.IPv4Network(_read(places.settings)["network"])
    except FileNotFoundError:
        hint = f"python -m sealer.testing.lab up --name {places.lab}"
        raise LabError(f"there is no lab {places.lab!r}", hint=hint) from None


def save_network(places: Places, network: ipaddress.IPv4Network) -> None:
    """Write down the network of a lab."""
    write_atomically(places.settings, json.dumps({"network": str(network)}))


def register(places: Places) -> None:
    """Make a lab known on this machine before it makes anything else."""
    link = REGISTER / places.lab
    while True:
        REGISTER.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        # The last lab that goes takes the directory with it, perhaps at this very moment.
        with contextlib.suppress(FileNotFoundError):
            link.symlink_to(places.home)
            return


def registered() -> Iterator[Places]:
    """Yield the labs that made themselves known and were not taken down."""
    if REGISTER.is_dir():
        for link in sorted(REGISTER.iterdir()):
            yield Places(lab=link.name, home=link.readlink())


def unregister(lab: str) -> None:
    """Forget a lab."""
    with contextlib.suppress(FileNotFoundError):
        (REGISTER / lab).unlink()
    with contextlib.suppress(OSError):
        REGISTER.rmdir()


def write_atomically(path: Path, text: str) -> None:
    """Replace a file at once, so that a reader sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


def _read(path: Path) -> Any:
    document: Mapping[str, Any] = json.loads(path.read_text())
    return dict(document)
