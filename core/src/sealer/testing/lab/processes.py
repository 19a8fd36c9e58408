"""Processes that outlive the one that started them: named by pid and start time, ended by pid alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sealer
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.programs import environment, run


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be told from a later one with the same number.

    Attributes:
        pid: Its number in the host's pid namespace.
        started: Clock ticks between the boot of the machine and the start of the process.
    """

    pid: int
    started: int

    @classmethod
    def find(cls, pid: int) -> Process | None:
        """Return the process that now has the number, or None when there is none (or only a zombie)."""
        stat = _stat(pid)
        return None if stat is None or stat[0] in "ZX" else cls(pid, int(stat[19]))

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Process.find(self.pid) == self

    def kill(self) -> None:
        """End the process at once, if it still is the one that was meant."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> bool:
        """Wait until the process is gone, at most ``timeout`` seconds; return whether it is."""
        deadline = time.monotonic() + timeout
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def children(pid: int) -> tuple[int, ...]:
    """Return the numbers of a process's children; none when the process is gone."""
    try:
        return tuple(int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return ()


def ancestors() -> frozenset[int]:
    """Return the numbers of this process and of everything above it, which a clean-up must spare."""
    found: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        stat = _stat(pid)
        pid = 0 if stat is None else int(stat[1])
    return frozenset(found)


def kill_all(pids: Iterable[int]) -> None:
    """End the processes with these numbers at once, sparing this process and those above it."""
    for pid in set(pids) - ancestors():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_module(module: str, arguments: Sequence[str], *, log: Path) -> None:
    """Start a module of Sealer as a process of its own session, which survives its starter.

    Args:
        module: The module's full name.
        arguments: Its arguments.
        log: The file its output is appended to.
    """
    source = Path(sealer.__file__).parent.parent
    argv = ["setsid", "--fork", sys.executable, "-P", "-m", module, *arguments]
    with log.open("ab") as output:
        result = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**environment(), "PYTHONPATH": os.pathsep.join([str(source), *filter(None, sys.path)])},
            check=False,
        )
    if result.returncode != 0:
        raise LabError(f"{module} could not be started", place=str(log))


def pids_of_network(namespace: str) -> tuple[int, ...]:
    """Return the numbers of the processes whose network is the named namespace."""
    result = run(["ip", "netns", "pids", namespace], check=False)
    return tuple(int(word) for word in result.stdout.split())


def _stat(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` from the state on, or None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
