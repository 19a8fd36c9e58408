"""The disk of a node: what it keeps while its power is off."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from sealer.testing.lab.errors import LabError
from sealer.testing.lab.keys import make_key
from sealer.testing.lab.network import operator_address
from sealer.testing.lab.programs import PATH, SCRIPTS, require_programs, run
from sealer.testing.lab.state import NodeRecord, Places, load_network

MINIMUM_SIZE = 64 * 2**20
"""Bytes of the smallest disk a node can have: the shared root's /var and a journal must fit."""


def make_disk(places: Places, record: NodeRecord, *, password: str) -> None:
    """Make a node's disk with its identity on it: host name, host key, the operator's key, the password.

    A disk of a given size is an ext4 image behind a loop device, mounted only inside the node: unlike a
    tmpfs it survives a power cut, counts blocks and inodes as a disk does, and can carry the upper layer of
    the node's root, so that the size holds for all the node writes.

    Raises:
        LabError: The size is too small, or a program failed.
    """
    directory = places.node(record.name)
    for name in ("disk", "root", "files"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    if record.disk_size is not None:
        _make_image(directory / "disk.img", record.disk_size)
    _write_files(places, record, directory / "files")
    script = SCRIPTS / "make-disk.sh"
    apart = ["unshare", "--mount", "--propagation", "private"]
    assignments = [f"{name}={value}" for name, value in node_environment(places, record).items()]
    run(["env", *assignments, *apart, "sh", str(script)], input=f"root:{password}\n", timeout=120)
    shutil.rmtree(directory / "files")


def node_environment(places: Places, record: NodeRecord) -> Mapping[str, str]:
    """Return the variables that the scripts of a node are told about it through."""
    return {
        "NODE_NAME": record.name,
        "NODE_DIR": str(places.node(record.name)),
        "NODE_LOWER": record.lower,
        "NODE_MODE": record.mode,
        "NODE_SCRIPTS": str(SCRIPTS),
        "PATH": PATH,
    }


def loop_devices(directory: Path) -> tuple[str, ...]:
    """Return the loop devices whose files lie below a directory."""
    lines = run(
        ["losetup", "--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE"]
    ).stdout.splitlines()
    found = []
    for line in lines:
        device, _, file = line.partition(" ")
        if Path(file.removesuffix(" (deleted)")).is_relative_to(directory):
            found.append(device)
    return tuple(found)


def _make_image(path: Path, size: int) -> None:
    if size < MINIMUM_SIZE:
        raise LabError(f"a disk of {size} bytes is too small", hint=f"give it {MINIMUM_SIZE} or more")
    require_programs(("mkfs.ext4", "losetup"))
    with path.open("wb") as file:
        file.truncate(size)
    run(["mkfs.ext4", "-q", "-m", "0", str(path)])


def _write_files(places: Places, record: NodeRecord, top: Path) -> None:
    """Write what tells a node from the others into a directory that is copied over its root."""
    home = places.node(record.name)
    host_key = make_key(home / "host_key", comment=f"root@{record.name}")
    operator_key = make_key(places.key, comment=f"operator of {places.lab}")
    texts = {
        "etc/hostname": f"{record.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{record.address} {record.name}\n",
        # Not 127.0.0.1: a cluster's own name server would forward to itself.
        "etc/resolv.conf": f"nameserver {operator_address(load_network(places))}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/ssh/ssh_host_ed25519_key": (home / "host_key").read_text(),
        "etc/ssh/ssh_host_ed25519_key.pub": f"{host_key}\n",
        "root/.ssh/authorized_keys": f"{operator_key}\n",
    }
    for name, text in texts.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600 if path.name in {"ssh_host_ed25519_key", "authorized_keys"} else 0o644)
    for name, mode in {"root": 0o700, "root/.ssh": 0o700, "etc": 0o755, "etc/ssh": 0o755}.items():
        (top / name).chmod(mode)
    top.chmod(0o755)
