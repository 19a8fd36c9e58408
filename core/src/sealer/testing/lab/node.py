"""One machine of a lab."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sealer.testing.lab import cgroups, mishaps, network, shaping
from sealer.testing.lab.disk import loop_devices
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.power import switch_off
from sealer.testing.lab.processes import Process, start_module
from sealer.testing.lab.programs import PATH, run
from sealer.testing.lab.state import Mode, NodeRecord, Places, Running, Shape

_VARIABLES = (f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb")


class Node:
    """A machine made of namespaces, with a disk that outlives its power.

    Made by ``Lab.up``; what changes about it is read from the lab's directory each time, so that several
    processes may use one lab.

    Attributes:
        name: Its host name: ``n1``, ``n2`` and so on.
        places: The names its lab uses on the host.
    """

    def __init__(self, places: Places, name: str) -> None:
        self.places = places
        self.name = name

    def __repr__(self) -> str:
        return f"<Node {self.name} of lab {self.places.lab}>"

    @property
    def address(self) -> str:
        """The IPv4 address of its only network card, ``eth0``."""
        return self.record.address

    @property
    def mode(self) -> Mode:
        """What runs as its PID 1."""
        return self.record.mode

    @property
    def record(self) -> NodeRecord:
        """What is written down about it."""
        return NodeRecord.load(self._file)

    @property
    def running(self) -> bool:
        """Whether its power is on."""
        state = Running.load(self.places.node(self.name))
        return state is not None and state.init.alive

    @property
    def init(self) -> Process:
        """Its PID 1, as the host numbers it.

        Raises:
            LabError: The node is off.
        """
        state = Running.load(self.places.node(self.name))
        if state is None or not state.init.alive:
            raise LabError("the node is off", place=self.name, hint="switch it on with power-on")
        return state.init

    def power_on(self, *, wait: bool = True) -> None:
        """Start the node from its disk; nothing happens when it is on.

        Args:
            wait: Whether to return only when its SSH server answers.

        Raises:
            LabError: It does not start.
        """
        if not self.running:
            log = self.places.node(self.name) / "console.log"
            start_module(
                "sealer.testing.lab.supply", [self.places.lab, str(self.places.home), self.name], log=log
            )
        if wait:
            self.wait_for_ssh()

    def power_off(self) -> None:
        """Cut the node's power: every process ends at once, nothing is flushed; the disk stays."""
        directory = self.places.node(self.name)
        state = Running.load(directory)
        if state is not None:
            # A reboot in this very moment may have put another PID 1 in its place.
            while (state := Running.load(directory)) is not None and state.power.alive:
                state.init.kill()
                if state.power.wait(10.0):
                    break
        switch_off(self.places, self.record)
        deadline = time.monotonic() + 10.0
        while self.record.disk_size is not None and loop_devices(directory):
            if time.monotonic() > deadline:
                raise LabError("its disk is still in use", place=self.name)
            time.sleep(0.05)

    def cut(self) -> None:
        """Pull the network cable: ``eth0`` has no carrier until ``mend``."""
        self._change(replace(self.record, plugged=False))

    def mend(self) -> None:
        """Plug the network cable in again."""
        self._change(replace(self.record, plugged=True))

    def shape(
        self, *, rate: int | str | None = None, delay: float | str = 0.0, loss: float | str = 0.0
    ) -> None:
        """Make the link worse, in both directions alike, until ``unshape``; it holds over power cycles.

        Args:
            rate: Bits per second, or a text such as ``100mbit``; None for no limit.
            delay: Seconds each packet is held back, or a text such as ``100ms``; a ping takes twice as much.
            loss: The share of packets that get lost, from 0 to 1, or a text such as ``5%``.

        Raises:
            LabError: A value makes no sense.
        """
        self._reshape(shaping.make_shape(rate, delay, loss))

    def unshape(self) -> None:
        """Give the link its full speed back."""
        self._reshape(None)

    def make_read_only(self, directory: str) -> None:
        """Make a directory of the running node read only, with all below it, until ``make_writable``."""
        self._shell(mishaps.READ_ONLY, directory)

    def make_writable(self, directory: str) -> None:
        """Take back what ``make_read_only`` did."""
        self._shell(mishaps.WRITABLE, directory)

    def fill(self, directory: str, *, leaving: int = 0) -> None:
        """Fill the file system that a directory lies on, but for some bytes, until ``free``.

        The node should have a disk of a size of its own: otherwise the host's is filled.

        Raises:
            LabError: It has no such disk.
        """
        if self.record.disk_size is None:
            raise LabError(
                "the node has no disk of its own", place=self.name, hint="give it one with disk_size"
            )
        self._shell(mishaps.FILL, directory, str(leaving))

    def free(self, directory: str) -> None:
        """Take back what ``fill`` did; nothing happens when nothing was filled."""
        self._shell(mishaps.FREE, directory)

    def set_clock(self, seconds: float) -> None:
        """Let the running node's clock be wrong by some seconds, for whoever asks ``date``; 0 puts it right.

        The kernel has one clock for all nodes and for the host. So files, certificates and logs get the true
        time; what is asked for the time over SSH, as scripts do, tells the wrong one.
        """
        if seconds:
            self.run(["tee", mishaps.CLOCK], input=mishaps.clock(seconds))
            self.run(["chmod", "755", mishaps.CLOCK])
        else:
            self.run(["rm", "-f", mishaps.CLOCK])

    def restart_ssh(self) -> None:
        """End all SSH sessions of the running node at once, and start its SSH server again."""
        self._shell(mishaps.restart_ssh(self.mode))

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the argument list that runs a program inside the running node, as its root.

        The program is in all of the node's namespaces, in its file system and in its control groups.

        Raises:
            LabError: The node is off.
        """
        pid = str(self.init.pid)
        flags = ("--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--cgroup")
        # nsenter waits outside for the program inside, which ends with it.
        program = ("env", "-i", *_VARIABLES, "setpriv", "--pdeathsig", "KILL", *argv)
        inside = ("nsenter", "--target", pid, *flags, *program)
        # Entering the cgroup namespace moves no process; joining PID 1's groups does.
        return cgroups.join_command(cgroups.groups_of(self.init.pid), inside)

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002  (as in subprocess.run)
        check: bool = True,
        timeout: float | None = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside the node, without SSH, and return its result with outputs as text.

        Args:
            argv: The program and its arguments.
            input: Text for its standard input; without it the input is empty.
            check: Whether an exit status other than 0 raises.
            timeout: Seconds after which it is killed; None waits for ever.

        Raises:
            LabError: The node is off, the program failed or took too long.
        """
        command = self.command(argv)
        return run(command, input=input, check=check, timeout=timeout, shown=argv, place=self.name)

    def wait_for_ssh(self, *, timeout: float = 60.0) -> None:
        """Wait until the node's SSH server answers the operator's side.

        Raises:
            LabError: It does not within ``timeout`` seconds, or the node ended meanwhile.
        """
        log = self.places.node(self.name) / "console.log"
        try:
            network.wait_for_ssh(self.places, self.address, timeout=timeout, alive=lambda: self.running)
        except LabError as error:
            lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
            raise LabError(f"{error.message}: {' / '.join(lines[-2:])}", place=str(log)) from error

    def wait_until_started(self, *, timeout: float = 60.0) -> None:
        """Wait until systemd has started all it should; returns at once on a node without systemd.

        Raises:
            LabError: It does not within ``timeout`` seconds.
        """
        if self.mode == "systemd":
            self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=timeout)

    def _shell(self, script: str, *words: str) -> None:
        self.run(["sh", "-eu", "-c", script, "sh", *words])

    def _change(self, record: NodeRecord) -> None:
        record.save(self._file)
        if self.running:
            state = "up" if record.plugged else "down"
            network.ip(self.places.operator, f"link set {network.port(record)} {state}")

    def _reshape(self, shape: Shape | None) -> None:
        record = shaping.with_shape(self.record, shape)
        record.save(self._file)
        if self.running:
            shaping.apply(self.places, record)

    @property
    def _file(self) -> Path:
        return self.places.node(self.name) / "node.json"
