"""A node of the lab whose scripts are run by a shell of one's choice, as the program runs them over SSH."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sealer.changes import Change
from sealer.changes.report import ScriptReport, read_report
from sealer.changes.script import Planned, Setting, converge_script, observe_script, undo_script
from sealer.testing.lab import Lab, Node, compare, snapshot
from sealer.testing.lab.snapshot import Kind

DATA = "/var/lib/trial"
BUSYBOX = "/usr/local/lib/busybox"
"""A directory with busybox under the name of each of its programs."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A node, and the shell and programs that scripts on it are run with.

    Attributes:
        node: The node.
        busybox: Whether the shell and the usual programs are those of busybox.
    """

    node: Node
    busybox: bool = False

    def run(self, script: str) -> str:
        """Run a script of a test's own, and return what it prints."""
        return self.node.run(["sh", "-eu", "-c", script]).stdout

    def apply(self, *changes: Change) -> list[str]:
        """Make changes hold, and return what became of each: ``same`` or ``changed``."""
        return states(self._report(converge_script(SETTING, planned(changes))))

    def attempt(self, *changes: Change) -> tuple[list[str], str]:
        """Try to make changes hold, and return what became of each, and what was said."""
        report, said = self._run(converge_script(SETTING, planned(changes)))
        return states(report), said

    def look(self, *changes: Change) -> list[str]:
        """Observe changes, and return why they don't hold; an empty text for those that do."""
        report = self._report(observe_script(SETTING, planned(changes)))
        return [change.reason for change in report.changes]

    def undo(self) -> None:
        """Take everything back."""
        self._report(undo_script(SETTING))

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """See that what happens within leaves the machine exactly as it was."""
        before = snapshot(self.node)
        yield
        for _ in range(40):
            found = compare(before, snapshot(self.node))
            # Where much is mounted and unmounted, systemd looks only now and then.
            if not found or any(one.kind is not Kind.UNIT or ".mount" not in one.name for one in found):
                break
            time.sleep(0.25)
        assert found == (), "\n".join(map(str, found))

    def _report(self, script: str) -> ScriptReport:
        report, said = self._run(script)
        assert report.complete, said
        return report

    def _run(self, script: str) -> tuple[ScriptReport, str]:
        if self.busybox:
            # The script puts the usual directories ahead of what PATH it finds; these go ahead of them.
            script = script.replace("\nPATH=", f"\nPATH={BUSYBOX}:", 1)
            assert f"\nPATH={BUSYBOX}:" in script
            shell = [f"{BUSYBOX}/sh"]
        else:
            shell = ["/bin/sh"]
        done = self.node.run(shell, input=script, check=False)
        return read_report(done.stdout.splitlines()), done.stderr


SETTING = Setting(data=DATA, operation="operation-1")


def planned(changes: Sequence[Change]) -> list[Planned]:
    return [Planned(change=change, fingerprint=change.fingerprint()) for change in changes]


def states(report: ScriptReport) -> list[str]:
    return [change.state for change in report.changes]


def bare(lab: Lab) -> Node:
    """Give the only node of a lab a busybox beside its own programs, for scripts that run with that alone."""
    (node,) = lab.nodes
    program = shutil.which("busybox")
    assert program, "install busybox"
    install = f"mkdir -p {BUSYBOX} && base64 -d > {BUSYBOX}/busybox && chmod 755 {BUSYBOX}/busybox"
    node.run(["sh", "-c", install], input=base64.b64encode(Path(program).read_bytes()).decode())
    node.run([f"{BUSYBOX}/busybox", "--install", "-s", BUSYBOX])
    # The network is set up by iproute2 wherever containers are run.
    node.run(["rm", f"{BUSYBOX}/ip"])
    return node
