"""A plan foresees what the changes of a step will write, so that it shows what would be done and no more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sealer.changes import Change, File, Unit
from sealer.changes.script import Setting, converge_script, observe_script
from tests.core.changes.conftest import Disk, planned

SYSTEMCTL = """#!/bin/sh
# Plays systemd: every start is counted, and known by its number.
case $1 in
  show) echo "InvocationID=$(cat "$STARTS")" ;;
  restart) echo $(($(cat "$STARTS") + 1)) > "$STARTS" ;;
esac
exit 0
"""


@dataclass(frozen=True)
class Service:
    """A unit that reads a file, on a disk with a systemctl that counts."""

    disk: Disk
    bin: Path

    @property
    def file(self) -> File:
        return File(path=str(self.disk.root / "etc/service"), content="right\n", owner=OWNER)

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.file, Unit(name="service.service", watches=(self.file.path,))

    @property
    def starts(self) -> int:
        return int((self.bin / "starts").read_text())

    def states(self, *, look: bool) -> list[str]:
        setting = Setting(
            data=str(self.disk.data), operation="op", env=(("STARTS", str(self.bin / "starts")),)
        )
        script = (observe_script if look else converge_script)(setting, planned(self.changes))
        # The script puts the usual directories ahead of what PATH it finds; this one goes ahead of them.
        script = script.replace("\nPATH=", f"\nPATH={self.bin}:", 1)
        report, said = self.disk.run(script)
        assert report.complete, said
        return [change.state for change in report.changes]

    def restart(self) -> None:
        (self.bin / "starts").write_text(str(self.starts + 1))


OWNER = "root:root"


@pytest.fixture
def service(disk: Disk, tmp_path: Path) -> Service:
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "systemctl"
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    (directory / "starts").write_text("0")
    made = Service(disk=disk, bin=directory)
    assert made.states(look=False) == ["changed", "changed"]
    assert made.states(look=True) == ["same", "same"]
    assert made.starts == 1
    return made


def test_a_file_that_is_put_right_needs_no_restart_of_who_never_read_the_wrong_one(service: Service) -> None:
    Path(service.file.path).write_text("wrong\n")
    assert service.states(look=True) == ["needed", "same"]
    assert service.states(look=False) == ["changed", "same"]
    assert service.starts == 1


def test_who_was_started_with_the_wrong_file_is_restarted(service: Service) -> None:
    Path(service.file.path).write_text("wrong\n")
    service.restart()
    assert service.states(look=True) == ["needed", "needed"]
    assert service.states(look=False) == ["changed", "changed"]
    assert service.states(look=True) == ["same", "same"]
    assert service.starts == 3


def test_a_start_with_the_right_file_is_nobodys_business(service: Service) -> None:
    service.restart()
    assert service.states(look=True) == ["same", "same"]


def test_a_file_that_is_gone_is_foreseen_as_well(service: Service) -> None:
    Path(service.file.path).unlink()
    assert service.states(look=True) == ["needed", "same"]
