"""The faults, and what comes of each: the tests hold the program against it, and docs/faults.md shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HEADER = ("what happens", "when", "exit code", "what comes of it")


class Outcome(StrEnum):
    """What comes of a fault. Whatever it is, the end is the same, and deletion leaves nothing."""

    UNHURT = "it goes on by itself"
    RESUMED = "`sealer resume` goes on"
    GIVEN_UP = "`sealer operations abort`, and the same command does it"
    REFUSED = "nothing is changed; once it is mended, the same command does it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong at one time.

    Attributes:
        what: Goes wrong.
        when: It does.
        outcome: What comes of it.
        code: The exit code of the command that met it, or None where it was killed.
        says: What the command must say.
    """

    what: str
    when: str
    outcome: Outcome
    code: int | None
    says: str = ""

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells in the table."""
        said = f"“{self.says}”; {self.outcome}" if self.says else str(self.outcome)
        return self.what, self.when, "killed" if self.code is None else str(self.code), said


def _killed(when: str) -> Fault:
    return Fault(what="SIGKILL of `sealer`", when=when, outcome=Outcome.RESUMED, code=None)


def _off(when: str) -> Fault:
    return Fault(what="a host loses its power", when=when, outcome=Outcome.RESUMED, code=5)


FAULTS = {
    "kill/run": _killed("at every boundary of a step, and at every file that is written, of `run`"),
    "kill/delete": _killed("the same of `delete --all`"),
    "kill/remove": _killed("the same of `delete -n`"),
    "kill/rollback": _killed("the same of `operations rollback`"),
    "kill/random": _killed("at 50 moments drawn by lot, of `run`, `resume` and `delete --all`"),
    "power/before": Fault(what="a host has no power", when="before the run", outcome=Outcome.REFUSED, code=1),
    "power/rootfs": Fault(
        what="a host loses its power, and gets it back",
        when="while layers are sent",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "power/prepare": _off("while the host is prepared"),
    "power/create": _off("while the first master is made"),
    "power/join": _off("while a node joins"),
    "power/launch": _off("while an application is launched on it"),
    "power/ready": _off("while all nodes are waited for"),
    "power/app": _off("while an application image is put on the cluster"),
    "power/upgrade": _off("while it is upgraded"),
    "power/forget": _off("while it lets the cluster forget another one (`delete -n`)"),
    "power/forgotten": _off("while the cluster forgets it (`delete -n`)"),
    "power/leave": _off("while it is cleaned, as it leaves the cluster (`delete -n`)"),
    "power/delete": _off("while it is cleaned, with the whole cluster"),
    "link/short": Fault(
        what="a link is cut, and mended after some seconds",
        when="while layers are sent",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "link/long": Fault(
        what="a link is cut, and mended after minutes",
        when="while a script changes the host",
        outcome=Outcome.RESUMED,
        code=5,
    ),
    "link/slow": Fault(
        what="all links carry 1 Mbit/s, 300 ms late",
        when="all the time of `run`",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "ssh/restart": Fault(
        what="sshd is restarted, and all its sessions end",
        when="while a step changes the host",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "ssh/restart-delete": Fault(
        what="sshd is restarted, and all its sessions end",
        when="while the host is cleaned",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "ssh/upload": Fault(
        what="sshd is restarted, and all its sessions end",
        when="while layers are sent",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "disk/before": Fault(
        what="the disk of a host is full",
        when="before the run",
        outcome=Outcome.REFUSED,
        code=3,
        says="free at /var/lib/sealer",
    ),
    "disk/upload": Fault(
        what="the disk of a host gets full",
        when="while layers are sent",
        outcome=Outcome.RESUMED,
        code=5,
        says="the disk is full",
    ),
    "disk/changes": Fault(
        what="the disk of a host gets full",
        when="between two steps",
        outcome=Outcome.RESUMED,
        code=5,
        says="the disk is full",
    ),
    "disk/delete": Fault(
        what="the disk of a host is full",
        when="while the host is cleaned",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "read-only/before": Fault(
        what="`/var` of a host is read only",
        when="before the run",
        outcome=Outcome.REFUSED,
        code=3,
        says="read-only",
    ),
    "read-only/changes": Fault(
        what="`/var` of a host becomes read only",
        when="between two steps",
        outcome=Outcome.RESUMED,
        code=5,
        says="read-only",
    ),
    "read-only/delete": Fault(
        what="`/var` of a host is read only",
        when="while the host is cleaned",
        outcome=Outcome.RESUMED,
        code=5,
        says="read-only",
    ),
    "clock/before": Fault(
        what="the clock of a host is an hour ahead",
        when="before the run",
        outcome=Outcome.REFUSED,
        code=3,
        says="its clock is",
    ),
    "clock/during": Fault(
        what="the clock of a host jumps back by a day",
        when="between two steps",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "clock/operator": Fault(
        what="the operator's clock is set back by years",
        when="between `run` and a `delete --all` that is killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "registry/pull": Fault(
        what="the registry that holds the image is killed",
        when="while the image is pulled",
        outcome=Outcome.REFUSED,
        code=1,
        says="what arrived is kept",
    ),
    "registry/cluster": Fault(
        what="the registry in the cluster is killed",
        when="while the cluster runs",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "blob/host": Fault(
        what="a layer on a host is damaged",
        when="between its arrival and its unpacking, `sealer` killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "blob/store": Fault(
        what="a layer in the operator's store is damaged",
        when="before the run",
        outcome=Outcome.RESUMED,
        code=4,
        says="is damaged",
    ),
    "journal/torn": Fault(
        what="the operator's journal lost its end, in the middle of a line",
        when="after `run` was killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "journal/empty": Fault(
        what="the operator's journal lost all its lines",
        when="after `run` was killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "journal/zeros": Fault(
        what="the operator's journal ends in zeros",
        when="after `run` was killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "record/request": Fault(
        what="the operator's record of what an operation was asked to do is torn",
        when="after `run` was killed",
        outcome=Outcome.GIVEN_UP,
        code=1,
        says="the file is damaged",
    ),
    "record/state": Fault(
        what="the operator's record of the cluster is torn",
        when="before `delete --all`",
        outcome=Outcome.UNHURT,
        code=0,
        says="the hosts are those of operation",
    ),
    "record/all": Fault(
        what="all the operator's records of the cluster are gone",
        when="before `reset`",
        outcome=Outcome.UNHURT,
        code=0,
    ),
    "journal/host-done": Fault(
        what="a host's journal lost what says that changes are done",
        when="after `run` was killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "journal/host-begun": Fault(
        what="a host's journal has an entry that was only begun",
        when="after `run` was killed",
        outcome=Outcome.RESUMED,
        code=None,
    ),
    "journal/host-undo": Fault(
        what="a host's journal lost the end of how a change is undone",
        when="before `delete --all`",
        outcome=Outcome.RESUMED,
        code=5,
        says="the record of it is damaged",
    ),
    "journal/host-saved": Fault(
        what="a host's journal lost the end of a file that was replaced",
        when="before `delete --all`",
        outcome=Outcome.RESUMED,
        code=5,
        says="the record of it is damaged",
    ),
}
"""All of them, by name."""


def table() -> str:
    """Return the table as Markdown."""
    rows = [HEADER, tuple("---" for _ in HEADER), *(fault.row for fault in FAULTS.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
