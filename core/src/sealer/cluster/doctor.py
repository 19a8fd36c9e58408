"""What is wrong on the operator's own machine: programs, keys, clock, room, images, plugins, records."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealer.cluster.checks import group
from sealer.cluster.state import known_clusters, load_state, recorded_clusters
from sealer.errors import OperationLocked, SealerError
from sealer.image.consistency import faults
from sealer.image.store import ImageStore
from sealer.model import Finding, Severity
from sealer.operation.records import ClusterRecords
from sealer.plugins import Plugins, State

HERE = "this machine"
LEAST_ROOM = 1 << 30
"""Bytes without which nothing can be built or pulled."""

LITTLE_ROOM = 10 << 30
"""Bytes below which a cluster image or two fill the disk."""

_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is looked at.

    Attributes:
        home: Where Sealer keeps its files.
        plugins: The installed ones.
        deep: Whether every byte of the image store is read.
    """

    home: Path
    plugins: Plugins
    deep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found, the worst first.

    Attributes:
        examined: The ids of what was looked at.
        findings: What is wrong, and what could not be looked at.
    """

    examined: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing that was found is an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "healthy": self.healthy,
            "examined": list(self.examined),
            "findings": [
                {
                    "check": finding.check,
                    "severity": str(finding.severity),
                    "found": finding.found,
                    "wanted": finding.wanted,
                    "mend": finding.mend,
                }
                for finding, _ in group(self.findings)
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What a look at one thing found."""

    found: str
    wanted: str
    mend: str
    severity: Severity = Severity.ERROR

    def finding(self, identity: str) -> Finding:
        """Return it as a finding about this machine."""
        return Finding(
            check=identity,
            host=HERE,
            severity=self.severity,
            found=self.found,
            wanted=self.wanted,
            mend=self.mend,
        )


Look = Callable[[Machine], Iterator[_Problem]]


def examine(machine: Machine) -> Diagnosis:
    """Look at this machine; nothing is changed, and nobody else is asked."""
    order = list(Severity)
    findings = [problem.finding(identity) for identity, look in LOOKS.items() for problem in look(machine)]
    findings.sort(key=lambda finding: order.index(finding.severity))
    return Diagnosis(examined=tuple(LOOKS), findings=tuple(findings))


def _programs(machine: Machine) -> Iterator[_Problem]:
    for name, package, severity, purpose in (
        ("skopeo", "skopeo", Severity.ERROR, "images are pulled and pushed"),
        ("bwrap", "bubblewrap", Severity.WARNING, "Kubefiles have RUN"),
    ):
        path = shutil.which(name)
        if path is None:
            yield _Problem(
                found=f"{name} is not in the PATH",
                wanted=f"{name}, where {purpose}",
                mend=f"install it with the package manager: {package}",
                severity=severity,
            )
        elif (said := _run(path, "--version")) is not None and said[0] != 0:
            yield _Problem(
                found=f"{path} does not run: {said[1]}",
                wanted=f"a {name} that runs",
                mend="install it again",
                severity=severity,
            )


def _agent(machine: Machine) -> Iterator[_Problem]:
    socket = os.environ.get("SSH_AUTH_SOCK")
    if not socket:
        return  # keys in files will do
    program = shutil.which("ssh-add")
    if program is None:
        yield _unknown("the SSH agent", "there is no ssh-add to ask it")
        return
    status, said = _run(program, "-l") or (2, "it does not answer")
    if status == 2:
        yield _Problem(
            found=f"SSH_AUTH_SOCK names an agent that can't be asked: {said}",
            wanted="an agent that answers, or none",
            mend="start an agent, or unset SSH_AUTH_SOCK",
            severity=Severity.WARNING,
        )
    elif status == 1:
        yield _Problem(
            found="the SSH agent has no keys",
            wanted="a key that hosts accept, there or in a file",
            mend="ssh-add, or name a key file with --pk",
            severity=Severity.WARNING,
        )


def _keys(machine: Machine) -> Iterator[_Problem]:
    directory = Path.home() / ".ssh"
    if not directory.is_dir():
        return
    for path in sorted(directory.glob("id_*")):
        if path.suffix != ".pub" and path.is_file() and path.stat().st_mode & 0o077:
            yield _Problem(
                found=f"{path} can be read by others",
                wanted="private keys that only their owner can read",
                mend=f"chmod 600 {path}",
                severity=Severity.WARNING,
            )


def _clock(machine: Machine) -> Iterator[_Problem]:
    program = shutil.which("timedatectl")
    said = _run(program, "show", "--property=NTPSynchronized", "--value") if program else None
    if said is None or said[0] != 0:
        yield _unknown("the clock", "nobody tells whether it is synchronised")
    elif said[1].strip() != "yes":
        yield _Problem(
            found="the clock of this machine is not synchronised",
            wanted="a time service: certificates count from a moment on",
            mend="timedatectl set-ntp true, or run chronyd",
            severity=Severity.WARNING,
        )


def _room(machine: Machine) -> Iterator[_Problem]:
    for directory in dict.fromkeys((_existing(machine.home), Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(directory).free
        if free < LITTLE_ROOM:
            yield _Problem(
                found=f"{free / (1 << 30):.1f} GiB are free where {directory} is",
                wanted=f"{LITTLE_ROOM >> 30} GiB for images",
                mend="sealer prune removes what no image needs",
                severity=Severity.ERROR if free < LEAST_ROOM else Severity.WARNING,
            )


def _home(machine: Machine) -> Iterator[_Problem]:
    home = machine.home
    if not os.access(_existing(home), os.W_OK | os.X_OK):
        yield _Problem(
            found=f"{home} can't be written",
            wanted="a directory of yours",
            mend="set SEALER_HOME, or change the owner of the directory",
        )
    for path in (home / "auth.json", *(home / "clusters" / name for name in recorded_clusters(home))):
        if path.exists() and path.stat().st_mode & 0o077:
            yield _Problem(
                found=f"{path} can be read by others",
                wanted="only its owner reads it",
                mend=f"chmod go= {path}",
                severity=Severity.WARNING,
            )


def _store(machine: Machine) -> Iterator[_Problem]:
    try:
        for name, fault in faults(ImageStore(machine.home), deep=machine.deep):
            yield _Problem(
                found=f"image {name}: {fault}",
                wanted="all of the image, undamaged",
                mend=f"sealer pull {name} fetches what is missing; or load, or build it again",
            )
    except SealerError as error:
        yield _Problem(
            found=f"the image store can't be read: {error}",
            wanted="a store that can be read",
            mend=error.hint or "look at the file that is named",
        )


def _plugins(machine: Machine) -> Iterator[_Problem]:
    for record in machine.plugins.records():
        if record.state in {State.BROKEN, State.CONTESTED}:
            yield _Problem(
                found=f"plugin {record.name} of {record.distribution or 'nobody'} is {record.state}: "
                f"{record.error}",
                wanted="plugins that load",
                mend=f"install it again, or leave it out: --disable-plugin {record.name}",
                severity=Severity.WARNING,
            )


def _records(machine: Machine) -> Iterator[_Problem]:
    for name in recorded_clusters(machine.home):
        records = ClusterRecords(machine.home, name)
        try:
            known = known_clusters(machine.home)
            load_state(records)
            operation = records.open_operation()
        except SealerError as error:
            yield _Problem(
                found=f"what is remembered of cluster {name} can't be read: {error}",
                wanted="records that can be read",
                mend=error.hint or "sealer operations list tells which of them can",
            )
            continue
        if name not in known or operation is None:
            continue
        try:
            records.require_unlocked()
        except OperationLocked:
            continue  # somebody is at work on it
        yield _Problem(
            found=f"operation {operation.id} on cluster {name} is open",
            wanted="operations that came to their end",
            mend=f"sealer resume {name}, or sealer operations rollback --cluster {name}",
            severity=Severity.WARNING,
        )


LOOKS: dict[str, Look] = {
    "here-programs": _programs,
    "here-ssh-agent": _agent,
    "here-ssh-keys": _keys,
    "here-clock": _clock,
    "here-room": _room,
    "here-home": _home,
    "here-store": _store,
    "here-plugins": _plugins,
    "here-operations": _records,
}
"""What is looked at, by id, in this order."""


def _unknown(what: str, reason: str) -> _Problem:
    return _Problem(found=reason, wanted=what, mend="look by hand", severity=Severity.NOT_CHECKED)


def _existing(path: Path) -> Path:
    """Return the path, or what exists nearest above it."""
    return next(one for one in (path, *path.parents) if one.exists())


def _run(program: str, *arguments: str) -> tuple[int, str] | None:
    """Run a program; return its exit status and its first line, or None when it does not end."""
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, lines[0] if lines else ""
