"""How files come to be: in their place where nothing is yet, and beside it where something is."""

from __future__ import annotations

import os
import subprocess

import pytest

from sealer.changes import File, Unit
from sealer.changes.script import converge_script
from tests.core.changes.conftest import Disk, planned

SMALL, LARGE = "small\n", "a line of many\n" * 1000


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_link_that_leads_nowhere_is_replaced_and_nothing_is_made_where_it_led(
    disk: Disk, content: str
) -> None:
    path, elsewhere = disk.root / "file", disk.root / "elsewhere"
    path.symlink_to(elsewhere)
    assert disk.converge(File(path=str(path), content=content)).complete
    assert not path.is_symlink()
    assert path.read_text() == content
    assert not elsewhere.exists()
    disk.undo()
    assert path.is_symlink()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_who_reads_a_file_that_is_replaced_reads_all_of_the_old_one(disk: Disk, content: str) -> None:
    path = disk.root / "file"
    path.write_text("old\n")
    with path.open() as reader:
        assert disk.converge(File(path=str(path), content=content)).complete
        assert reader.read() == "old\n"
    assert path.read_text() == content


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o666, 0o440, 0o755])
def test_a_new_file_has_its_mode_and_is_left_alone_then(disk: Disk, mode: int) -> None:
    change = File(path=str(disk.root / "a/b/file"), content=SMALL, mode=mode)
    assert [one.state for one in disk.converge(change).changes] == ["changed"]
    assert (disk.root / "a/b/file").stat().st_mode & 0o7777 == mode
    assert [one.state for one in disk.converge(change).changes] == ["same"]


def test_a_new_file_in_a_directory_of_another_group_has_the_owner_it_should(disk: Disk) -> None:
    shared = disk.root / "shared"
    shared.mkdir()
    os.chown(shared, 0, 65534)
    shared.chmod(0o2755)
    change = File(path=str(shared / "file"), content=SMALL)
    assert disk.converge(change).complete
    assert (shared / "file").stat().st_gid == 0
    assert [one.state for one in disk.converge(change).changes] == ["same"]


def test_a_small_file_is_written_without_a_process(disk: Disk) -> None:
    """Processes are most of what a change costs a host; the journal takes some, for all changes together."""
    tools = ("mv", "chmod", "chown", "touch", "cp", "ln")
    told = "".join(f'{tool}() {{ echo ran >&2; command {tool} "$@"; }}\n' for tool in tools)
    counts = []
    for number in (2, 10):
        files = [File(path=str(disk.root / f"f{n}-of-{number}"), content=SMALL) for n in range(number)]
        report, log = disk.run(told + converge_script(disk.setting(), planned(files)))
        assert [change.state for change in report.changes] == ["changed"] * number
        counts.append(log.count("ran"))
    assert counts[0] == counts[1] > 0


def test_a_unit_whose_file_can_not_be_written_is_not_started(disk: Disk) -> None:
    """The rest of a change does not go on behind a failure in its midst."""
    apply = Unit(name="x.service", content="[Service]\nExecStart=/bin/true\n").apply()
    fake = 'systemctl() { echo "$*" >&2; }\nbegin_file() { return 1; }\nfinish_file() { :; }\n'
    script = f"{fake}a() {{\n{apply}\n}}\n(set -e; a)\n"
    done = subprocess.run(disk.shell, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ""
