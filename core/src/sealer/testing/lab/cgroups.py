"""The control groups of a lab: one directory a lab, one below it a node, in every hierarchy of the host.

Version 1 hierarchies are given to a node as they are on the host. On a machine that has only version 2,
the node gets that. Where a machine has both, the node gets version 1, as its host's own systemd would.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sealer.testing.lab.errors import LabError
from sealer.testing.lab.processes import kill_all

PREFIX = "sealer-lab."
"""Every control group of a lab has a name that begins with this."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy of control groups.

    Attributes:
        name: What the hierarchy is mounted with: ``cpu,cpuacct``, ``name=systemd``, or ``""`` for version 2.
        top: Where it is mounted.
        base: The directory below which labs make theirs: the group of this process in version 1, so that
            limits which hold for the caller hold for its nodes; the top in version 2, where a group with
            processes can have no groups with controllers below it.
    """

    name: str
    top: Path
    base: Path

    @property
    def version(self) -> int:
        """The version of the interface, 1 or 2."""
        return 2 if self.name == "" else 1

    def lab(self, lab: str) -> Path:
        """Return the directory of a lab in this hierarchy."""
        return self.base / f"{PREFIX}{lab}"


def hierarchies() -> tuple[Hierarchy, ...]:
    """Return the host's hierarchies.

    Raises:
        LabError: None is mounted.
    """
    found = []
    for name, point, own in _groups("self"):
        # A lab inside a lab's own side lies beside it, and version 2 has its groups at the top.
        outside = own.partition(f"/{PREFIX}")[0]
        base = point if name == "" else point / outside.strip("/")
        found.append(Hierarchy(name, point, base if base.is_dir() else point))
    if not found:
        raise LabError("no cgroup hierarchy is mounted", hint="mount -t cgroup2 none /sys/fs/cgroup")
    return tuple(found)


def groups_of(pid: int) -> tuple[Path, ...]:
    """Return the files through which a process joins the groups that another one is in.

    In version 2 a group with controllers below it takes no processes, so that a node's own group cannot be
    joined once systemd runs in it; but its PID 1 is in one that can.
    """
    return tuple(point / group.strip("/") / "cgroup.procs" for _, point, group in _groups(str(pid)))


def controllers_for_nodes(hosts: tuple[Hierarchy, ...]) -> tuple[str, ...]:
    """Return the names of the hierarchies a node mounts; empty when it mounts version 2 alone."""
    return tuple(hierarchy.name for hierarchy in hosts if hierarchy.version == 1)


def create(lab: str, group: str) -> tuple[Path, ...]:
    """Make a control group of a lab in every hierarchy and return the files a process joins them through."""
    joins = []
    for hierarchy in hierarchies():
        top = hierarchy.lab(lab)
        directory = top / group
        top.mkdir(parents=True, exist_ok=True)
        if "cpuset" in hierarchy.name.split(","):
            for name in ("cpuset.cpus", "cpuset.mems"):
                (top / name).write_text((hierarchy.base / name).read_text())
            (top / "cgroup.clone_children").write_text("1")
        if hierarchy.version == 2:
            _delegate(hierarchy.top)
            _delegate(top)
        directory.mkdir(exist_ok=True)
        joins.append(directory / "cgroup.procs")
    return tuple(joins)


def join_command(joins: tuple[Path, ...], argv: tuple[str, ...]) -> list[str]:
    """Return the argument list that runs a program inside control groups made by ``create``."""
    script = 'while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"'
    return ["/bin/sh", "-c", script, "join", *map(str, joins), "--", *argv]


def join(joins: tuple[Path, ...]) -> None:
    """Move this process into control groups made by ``create``."""
    for path in joins:
        path.write_text(str(os.getpid()))


def find(lab: str | None = None) -> tuple[Path, ...]:
    """Return the directories of a lab, or of all labs, wherever in the hierarchies they were made."""
    wanted = None if lab is None else f"{PREFIX}{lab}"
    found = []
    for top in {hierarchy.top for hierarchy in hierarchies()}:
        for directory, names, _ in os.walk(top):
            for name in tuple(names):
                if name.startswith(PREFIX):
                    names.remove(name)
                    if wanted in {None, name}:
                        found.append(Path(directory, name))
    return tuple(found)


def pids(directory: Path) -> frozenset[int]:
    """Return the numbers of the processes in a control group and in those below it."""
    found: set[int] = set()
    for group, _, _ in os.walk(directory):
        with contextlib.suppress(OSError):
            found.update(int(word) for word in Path(group, "cgroup.procs").read_text().split())
    return frozenset(found - {0})


def remove(directory: Path, *, timeout: float = 10.0) -> None:
    """End every process in a control group and in those below it, and remove the groups.

    Args:
        directory: The group; nothing happens when there is none.
        timeout: Seconds to wait for the processes to be gone.

    Raises:
        LabError: Processes or groups are still there when the time is up.
    """
    deadline = time.monotonic() + timeout
    while directory.is_dir():
        kill_all(pids(directory))
        for group, _, _ in os.walk(directory, topdown=False):
            with contextlib.suppress(OSError):
                Path(group).rmdir()
        if time.monotonic() > deadline:
            raise LabError(f"the control group {directory} cannot be removed: processes remain in it")
        if directory.is_dir():
            time.sleep(0.02)


def _groups(pid: str) -> Iterator[tuple[str, Path, str]]:
    """Yield name and mount point of each mounted hierarchy, and below it the group a process is in."""
    groups: dict[str, str] = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, name, group = line.split(":", 2)
        groups[name] = group
    seen: set[str] = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, point = before.split()[3:5]
        for name, group in groups.items():
            if name in seen or not _is_mount_of(name, kind, options) or ".." in group.split("/"):
                continue
            seen.add(name)
            yield name, Path(point), group.removeprefix(root) if root != "/" else group


def _is_mount_of(name: str, kind: str, options: str) -> bool:
    """Say whether a mount of a type and with options is the hierarchy of a name."""
    if name == "":
        return kind == "cgroup2"
    return kind == "cgroup" and set(name.split(",")) <= set(options.split(","))


def _delegate(directory: Path) -> None:
    """Let the groups below a version 2 group use every controller that it has itself."""
    for name in (directory / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (directory / "cgroup.subtree_control").write_text(f"+{name}")
