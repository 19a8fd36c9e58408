"""A directory that plays a host's disk, and real shells that run real scripts on it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealer.changes import Change
from sealer.changes.report import ScriptReport, read_report
from sealer.changes.script import Planned, Setting, converge_script, observe_script, undo_script
from sealer.testing.shells import SHELLS


@dataclass(frozen=True)
class Disk:
    """A cluster's data directory below ``root`` and a shell to run scripts with."""

    root: Path
    shell: tuple[str, ...]

    @property
    def data(self) -> Path:
        return self.root / "data"

    def setting(self) -> Setting:
        return Setting(data=str(self.data), operation="op-1")

    def run(self, script: str) -> tuple[ScriptReport, str]:
        done = subprocess.run(self.shell, input=script.encode(), capture_output=True, check=False)
        return read_report(done.stdout.decode().splitlines()), done.stderr.decode(errors="replace")

    def converge(self, *changes: Change) -> ScriptReport:
        return self.run(converge_script(self.setting(), planned(changes)))[0]

    def observe(self, *changes: Change) -> ScriptReport:
        return self.run(observe_script(self.setting(), planned(changes)))[0]

    def undo(self) -> ScriptReport:
        return self.run(undo_script(self.setting()))[0]


def planned(changes: Sequence[Change]) -> list[Planned]:
    return [Planned(change=change, fingerprint=change.fingerprint()) for change in changes]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    shell: tuple[str, ...] = request.param
    assert shutil.which(shell[0]), f"install {shell[0]} to run these tests"
    return Disk(root=tmp_path, shell=shell)
