"""Journal entries that are made together for changes in a row, and what becomes of them."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from sealer.changes import Command, Directory, File
from sealer.changes.quoting import quote
from sealer.changes.script import Setting, converge_script

from .conftest import Disk, planned


def owner() -> str:
    return f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"


def entries(disk: Disk) -> list[str]:
    return [(path / "key").read_text().strip() for path in sorted((disk.data / "journal").glob("[0-9]*-*"))]


def file(path: Path, content: str = "ours") -> File:
    return File(path=str(path), content=content, owner=owner())


def test_entries_are_in_the_order_of_the_changes(disk: Disk) -> None:
    directory, one, two = disk.root / "d", disk.root / "d" / "one", disk.root / "two"
    changes = (
        Directory(path=str(directory), owner=owner()),
        file(one),
        Command(title="c", run=":"),
        file(two),
    )
    report = disk.converge(*changes)
    assert [change.state for change in report.changes] == ["changed"] * 4
    assert entries(disk) == [f"directory:{directory}", f"file:{one}", "command:c", f"file:{two}"]
    assert [change.state for change in disk.converge(*changes).changes] == ["same"] * 4
    assert not list((disk.data / "journal").glob("new/*"))
    (disk.root / "theirs").touch()
    disk.undo()
    assert [path.name for path in disk.root.iterdir()] == ["theirs"]


def test_what_was_foreseen_behind_a_failure_leaves_no_entry(disk: Disk) -> None:
    disk.converge(
        Command(title="good", run=":"), Command(title="bad", run="false"), Command(title="x", run=":")
    )
    assert entries(disk) == ["command:good", "command:bad"]


def test_what_a_command_does_to_a_file_is_saved_with_it(disk: Disk) -> None:
    path = disk.root / "a"
    path.write_text("theirs")
    write = f"echo packaged > {quote(str(path))}"
    command = Command(title="install", run=write, revert=f"echo theirs > {quote(str(path))}")
    disk.converge(Command(title="first", run=":"), command, file(path), file(disk.root / "b"))
    saved = next((disk.data / "journal").glob("*/saved"))
    assert saved.read_text() == "packaged\n"
    disk.undo()
    assert path.read_text() == "theirs\n"


def test_a_command_made_needless_by_one_ahead_does_not_run_and_leaves_no_entry(disk: Disk) -> None:
    flag, log = disk.root / "flag", disk.root / "log"
    first = Command(title="first", run=f": > {quote(str(flag))}")
    second = Command(title="second", run=f"echo ran > {quote(str(log))}", creates=str(flag))
    report = disk.converge(first, second)
    assert [change.state for change in report.changes] == ["changed", "same"]
    assert not log.exists()
    assert entries(disk) == ["command:first"]


def test_two_changes_of_one_file_share_an_entry(disk: Disk) -> None:
    path = disk.root / "a"
    disk.converge(file(path, "one"), file(path, "two"), file(disk.root / "b"))
    assert path.read_text() == "two"
    assert entries(disk) == [f"file:{path}", f"file:{disk.root / 'b'}"]
    disk.undo()
    assert not path.exists()


def test_reasons_are_told_whatever_they_hold(disk: Disk) -> None:
    path = disk.root / "é = x"
    assert disk.converge(file(path), file(disk.root / "b")).changes[0].reason == f"{path} is missing"


def test_a_directory_above_a_path_with_idle_slashes_is_found(disk: Disk) -> None:
    disk.converge(Directory(path=f"{disk.root}//x/y//z//", owner=owner()))
    assert (disk.root / "x" / "y" / "z").is_dir()
    (disk.root / "theirs").touch()
    disk.undo()
    assert [path.name for path in disk.root.iterdir()] == ["theirs"]


def test_another_operation_gets_entries_of_its_own(disk: Disk) -> None:
    changes = planned([file(disk.root / "a", "two"), file(disk.root / "b", "two")])
    disk.converge(file(disk.root / "a", "one"), file(disk.root / "b", "two"))
    disk.run(converge_script(Setting(data=str(disk.data), operation="op-2"), changes))
    assert entries(disk) == [f"file:{disk.root / name}" for name in ("a", "b", "a")]
