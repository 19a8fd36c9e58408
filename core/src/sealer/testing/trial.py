"""Makes the changes of steps for real, on this machine or on a node, and takes them back.

What runs are the scripts that Sealer sends to hosts, journal included; only SSH is left out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sealer.changes.report import MARK, ScriptReport, read_report
from sealer.changes.script import Setting, converge_script, observe_script
from sealer.changes.script import undo_script as compile_undo
from sealer.model import Step
from sealer.operation.visit import plan_changes

RunScript = Callable[[str], subprocess.CompletedProcess[str]]
"""Feeds a script to a shell on standard input, and returns what became of it."""

NO_VALUES: Mapping[tuple[str, str], str] = MappingProxyType({})


def here(*shell: str) -> RunScript:
    """Return what runs scripts on this machine, with ``sh`` unless another shell is named."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(shell or ("sh",), input=script, capture_output=True, text=True, check=False)

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a step, or of taking everything back.

    Attributes:
        states: ``same``, ``changed``, ``needed``, ``kept`` or ``failed``, by what the change is called.
        values: What the step's changes yielded, by key.
        output: What the scripts printed for people.
        complete: Whether the script came to its end and nothing failed.
    """

    states: Mapping[str, str]
    values: Mapping[str, str]
    output: str
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A host, seen through a shell on it.

    For a node of the lab, ``run`` is ``lambda script: node.run(["sh", "-s"], input=script, check=False)``.
    Changes with blobs, such as trees of image layers, can't be made this way: nothing sends them.

    Attributes:
        data: The cluster's directory on the host; it holds the journal and goes when all is taken back.
        run: Runs scripts there.
        operation: The name under which the journal records what is changed.
    """

    data: Path
    run: RunScript = field(default_factory=here)
    operation: str = "trial"

    def look(self, step: Step, values: Mapping[tuple[str, str], str] = NO_VALUES) -> Outcome:
        """Say which changes of a step are needed, and change nothing.

        Raises:
            KeyError: A value that the step uses is not among ``values``.
        """
        return self._visit(observe_script(self._setting(step), plan_changes(step, values)), step)

    def apply(self, step: Step, values: Mapping[tuple[str, str], str] = NO_VALUES) -> Outcome:
        """Make the changes of a step hold.

        Args:
            step: The step.
            values: What other steps yielded, by step and key.

        Raises:
            KeyError: A value that the step uses is not among ``values``.
        """
        return self._visit(converge_script(self._setting(step), plan_changes(step, values)), step)

    def take_back(self) -> Outcome:
        """Undo everything that stands in the journal, newest first, and remove ``data``."""
        done = self.run(compile_undo(Setting(data=str(self.data), operation=self.operation)))
        report = read_report(done.stdout.splitlines())
        return _outcome(report, {change.reason: change.state for change in report.changes}, done)

    def _setting(self, step: Step) -> Setting:
        env = tuple(sorted(step.env.items()))
        return Setting(data=str(self.data), operation=self.operation, env=env, directory=step.directory)

    def _visit(self, script: str, step: Step) -> Outcome:
        done = self.run(script)
        report = read_report(done.stdout.splitlines())
        states = {step.changes[change.index].describe(): change.state for change in report.changes}
        return _outcome(report, states, done)


def _outcome(
    report: ScriptReport, states: Mapping[str, str], done: subprocess.CompletedProcess[str]
) -> Outcome:
    return Outcome(
        states=states,
        values=dict(report.values),
        output="".join(line for line in done.stderr.splitlines(keepends=True) if line[:1] != MARK),
        complete=report.complete and "failed" not in states.values(),
    )
