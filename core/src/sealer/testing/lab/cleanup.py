"""Removing a lab, whatever state it is in and whoever made it.

Everything a lab makes carries its name: network namespaces, control groups, a link below ``/run``. So what a
killed process left behind is found without any record. Processes are ended by number only, after the kernel
has said that they are in the lab's control groups or networks.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from sealer.testing.lab import cgroups, network
from sealer.testing.lab.disk import loop_devices
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.power import GROUP
from sealer.testing.lab.processes import kill_all, pids_of_network
from sealer.testing.lab.programs import run
from sealer.testing.lab.state import Places, default_base, registered, unregister


def find_labs() -> tuple[Places, ...]:
    """Return every lab of which anything is left on this machine."""
    found = {places.lab: places for places in registered()}
    names = {name.split(".")[1] for name in network.namespaces()}
    names |= {directory.name.removeprefix(cgroups.PREFIX) for directory in cgroups.find()}
    if default_base().is_dir():
        names |= {path.name for path in default_base().iterdir() if path.is_dir()}
    for name in names - set(found):
        found[name] = Places(lab=name, home=default_base() / name)
    return tuple(found[name] for name in sorted(found))


def remove(places: Places) -> None:
    """Remove all of a lab: processes, networks, control groups, mounts, loop devices and files.

    Nothing happens for what is gone already. Also removes what a lab of the same name left in another
    directory.

    Raises:
        LabError: Something cannot be removed, such as a process that the kernel does not end.
    """
    homes = {places.home} | {other.home for other in registered() if other.lab == places.lab}
    _end_processes(places.lab)
    for namespace in network.namespaces(places.lab):
        network.remove_namespace(namespace)
    network.remove_namespace(places.operator)
    for directory in cgroups.find(places.lab):
        cgroups.remove(directory)
    for home in homes:
        _unmount(home)
        _detach(home)
        _delete(home)
    unregister(places.lab)


def _end_processes(lab: str) -> None:
    """End the power supplies first, lest they start again what is ended next."""
    directories = cgroups.find(lab)
    for directory in directories:
        kill_all(cgroups.pids(directory / GROUP))
    for directory in directories:
        kill_all(cgroups.pids(directory))
    for namespace in network.namespaces(lab):
        kill_all(pids_of_network(namespace))


def _unmount(home: Path) -> None:
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if point.is_relative_to(home):
            points.append(point)
    for point in reversed(points):
        run(["umount", "--lazy", str(point)])


def _detach(home: Path, *, timeout: float = 10.0) -> None:
    """Wait until the kernel has let go of the loop devices of disks, and detach those it does not."""
    if not any(home.glob("nodes/*/disk.img")):
        return
    deadline = time.monotonic() + timeout
    while devices := loop_devices(home):
        for device in devices:
            run(["losetup", "--detach", device], check=False)
        if time.monotonic() > deadline:
            raise LabError(f"{', '.join(devices)} cannot be detached")
        time.sleep(0.05)


def _delete(home: Path) -> None:
    """Delete a directory below which nothing is mounted any more."""
    if home.exists():
        shutil.rmtree(home)
