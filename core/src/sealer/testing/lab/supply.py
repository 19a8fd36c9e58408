"""A node's power supply: a small process that starts PID 1, and again whenever the node reboots itself.

Run as ``python -m sealer.testing.lab.supply LAB HOME NODE``; ``Node.power_on`` does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sealer.testing.lab import cgroups, network, shaping
from sealer.testing.lab.disk import node_environment
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.power import GROUP, switch_off
from sealer.testing.lab.processes import Process, children
from sealer.testing.lab.programs import SCRIPTS
from sealer.testing.lab.state import NodeRecord, Places, Running, load_network


def supply(places: Places, name: str) -> None:
    """Keep a node running until it is switched off, from inside or outside."""
    directory = places.node(name)
    while True:
        # Read anew: the cable may have been cut or mended since the last start.
        record = NodeRecord.load(directory / "node.json")
        joins = cgroups.create(places.lab, name)
        network.plug_in(places, load_network(places), record)
        shaping.apply(places, record)
        process = _start(places, record, joins)
        try:
            _write_down(places, record, process)
            status = process.wait()
        finally:
            switch_off(places, record)
        print(f"{name}: PID 1 ended with status {status}", flush=True)
        # The kernel ends a pid namespace whose init calls reboot(2) as if by a signal: SIGHUP to start again,
        # SIGINT to stay off.
        if status != -signal.SIGHUP:
            break


def _start(places: Places, record: NodeRecord, joins: tuple[Path, ...]) -> subprocess.Popen[bytes]:
    """Start PID 1 in fresh namespaces, its control groups and its network; return its parent."""
    hierarchies = cgroups.controllers_for_nodes(cgroups.hierarchies())
    variables = {**node_environment(places, record), "NODE_CGROUPS": " ".join(hierarchies)}
    namespaces = ("--mount", "--uts", "--ipc", "--cgroup", "--pid", "--fork", "--propagation", "private")
    argv = (
        *("nsenter", f"--net=/run/netns/{places.network(record.name)}"),
        *("unshare", *namespaces, "sh", str(SCRIPTS / "node-init.sh")),
    )
    return subprocess.Popen(cgroups.join_command(joins, argv), env=variables, cwd="/")


def _write_down(places: Places, record: NodeRecord, process: subprocess.Popen[bytes]) -> None:
    """Record which processes keep the node running, once PID 1 is there."""
    power = Process.find(os.getpid())
    deadline = time.monotonic() + 10.0
    while process.poll() is None and time.monotonic() < deadline:
        for pid in children(process.pid):
            init = Process.find(pid)
            if init is not None and power is not None and _is_first(pid):
                Running(power=power, init=init).save(places.node(record.name))
                return
        time.sleep(0.01)
    raise LabError(f"{record.name} has no PID 1", place=str(places.node(record.name) / "console.log"))


def _is_first(pid: int) -> bool:
    """Say whether a process is PID 1 of a namespace below ours."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[-1] == "1"
    return False


def main() -> None:
    """Supply the node named on the command line."""
    lab, home, name = sys.argv[1:]
    places = Places(lab=lab, home=Path(home))
    cgroups.join(cgroups.create(lab, GROUP))
    supply(places, name)


if __name__ == "__main__":
    main()
