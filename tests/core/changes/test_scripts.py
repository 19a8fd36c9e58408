"""Scripts compiled from changes, run by real shells."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import subprocess
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealer.changes import Command, Copy, Directory, File, Output, OwnedPath, Symlink
from sealer.changes.quoting import print_bytes, quote
from sealer.changes.report import read_report
from sealer.changes.script import Setting, converge_script, rollback_script, undo_script

from .conftest import Disk, planned


def owner() -> str:
    return f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"


def states(report: object) -> list[str]:
    return [change.state for change in report.changes]  # type: ignore[attr-defined]


def test_a_file_is_made_once_and_undone(disk: Disk) -> None:
    path = disk.root / "etc" / "deep" / "a.conf"
    change = File(path=str(path), content="hello\n$HOME 'quoted'\n", mode=0o640, owner=owner())
    first = disk.converge(change)
    assert (states(first), first.complete) == (["changed"], True)
    assert path.read_text() == "hello\n$HOME 'quoted'\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert states(disk.converge(change)) == ["same"]
    undone = disk.undo()
    assert undone.complete
    assert not (disk.root / "etc").exists()
    assert not disk.data.exists()


def test_a_file_that_was_there_is_put_back_with_its_time_and_mode(disk: Disk) -> None:
    path = disk.root / "a.conf"
    path.write_text("theirs")
    path.chmod(0o600)
    os.utime(path, (1000, 1000))
    disk.converge(File(path=str(path), content="ours", owner=owner()))
    disk.converge(File(path=str(path), content="ours again", owner=owner()))
    assert path.read_text() == "ours again"
    disk.undo()
    assert path.read_text() == "theirs"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mtime == 1000


def test_a_directory_that_stood_in_the_way_is_left_or_put_back(disk: Disk) -> None:
    path = disk.root / "a.conf"
    path.mkdir()
    (path / "theirs").write_text("theirs")
    change = File(path=str(path), content="ours", owner=owner())
    assert states(disk.converge(change)) == ["failed"]
    assert (path / "theirs").read_text() == "theirs"
    path.rename(disk.root / "moved")
    assert states(disk.converge(change)) == ["changed"]
    assert disk.undo().complete
    assert (path / "theirs").read_text() == "theirs"
    path.rename(disk.root / "moved again")
    path.mkdir()
    assert states(disk.converge(change)) == ["failed"]
    (path / "newer").write_text("newer")
    assert disk.undo().complete
    assert (path / "newer").read_text() == "newer"


def test_observing_says_why_and_changes_nothing(disk: Disk) -> None:
    path = disk.root / "a.conf"
    report = disk.observe(File(path=str(path), content="x", owner=owner()))
    assert states(report) == ["needed"]
    assert "missing" in report.changes[0].reason
    assert list(disk.root.iterdir()) == []


def test_a_link_a_copy_and_a_directory(disk: Disk) -> None:
    source = disk.root / "source"
    source.write_bytes(bytes(range(256)))
    changes = (
        Directory(path=str(disk.root / "d" / "e"), mode=0o750, owner=owner()),
        Copy(source=str(source), path=str(disk.root / "d" / "e" / "copy"), mode=0o700, owner=owner()),
        Symlink(path=str(disk.root / "link"), target="d/e/copy"),
    )
    assert states(disk.converge(*changes)) == ["changed"] * 3
    assert (disk.root / "link").read_bytes() == bytes(range(256))
    assert states(disk.converge(*changes)) == ["same"] * 3
    disk.undo()
    assert sorted(path.name for path in disk.root.iterdir()) == ["source"]


def test_a_command_runs_once_for_each_wording(disk: Disk) -> None:
    log = disk.root / "log"
    command = Command(title="count", run=f"echo run >> {quote(str(log))}")
    disk.converge(command)
    disk.converge(command)
    assert log.read_text() == "run\n"
    disk.converge(Command(title="count", run=f"echo other >> {quote(str(log))}"))
    assert log.read_text() == "run\nother\n"


def test_the_first_failure_ends_the_step_and_is_reported(disk: Disk) -> None:
    report = disk.converge(
        Command(title="good", run="true"),
        Command(title="bad", run="false\necho never >&2"),
        Command(title="after", run="true"),
    )
    assert states(report) == ["changed", "failed"]
    assert not report.complete
    assert states(disk.converge(Command(title="good", run="true"))) == ["same"]


def test_a_failing_first_line_stops_a_change_of_several_lines(disk: Disk) -> None:
    path = disk.root / "a"
    (disk.root / "blocked").write_text("a file where a directory should be")
    change = File(path=str(disk.root / "blocked" / "x"), content="x", owner=owner())
    assert states(disk.converge(change, File(path=str(path), content="x", owner=owner()))) == ["failed"]
    assert not path.exists()


def test_an_attempt_that_failed_is_reverted_before_the_next(disk: Disk) -> None:
    half, flag = disk.root / "half", disk.root / "flag"
    command = Command(
        title="install",
        run=f"mkdir {quote(str(half))}\n[ -e {quote(str(flag))} ]",
        revert=f"rm -rf {quote(str(half))}",
    )
    assert states(disk.converge(command)) == ["failed"]
    flag.touch()
    assert states(disk.converge(command)) == ["changed"]
    disk.undo()
    assert not half.exists()


def test_values_come_back_whatever_they_hold(disk: Disk) -> None:
    text = "line one\nline 'two' é\n\nlast"
    command = Command(
        title="make",
        run="true",
        yields=(Output(key="text", script=print_bytes(text.encode())),),
    )
    assert dict(disk.converge(command).values) == {"text": text}
    assert dict(disk.converge(command).values) == {"text": text}


def test_observing_reads_values_of_what_holds_but_makes_none_anew(disk: Disk) -> None:
    path = disk.root / "made"
    command = Command(
        title="make",
        run=f"echo v > {quote(str(path))}",
        creates=str(path),
        yields=(
            Output(key="kept", script=f"cat {quote(str(path))}"),
            Output(key="token", script=f"echo again >> {quote(str(path))}; echo t", fresh=True),
        ),
    )
    assert dict(disk.observe(command).values) == {}
    assert dict(disk.converge(command).values) == {"kept": "v", "token": "t"}
    assert dict(disk.observe(command).values) == {"kept": "v\nagain"}
    assert path.read_text() == "v\nagain\n"


def test_a_claim_removes_what_came_after_it_and_nothing_else(disk: Disk) -> None:
    old, fresh = disk.root / "old", disk.root / "fresh"
    old.mkdir()
    (old / "theirs").write_text("theirs")
    disk.converge(OwnedPath(path=str(old)), OwnedPath(path=str(fresh)))
    (old / "ours" / "deep").mkdir(parents=True)
    (old / "ours" / "deep" / "file").touch()
    (fresh / "x").mkdir(parents=True)
    disk.undo()
    assert [path.name for path in old.iterdir()] == ["theirs"]
    assert not fresh.exists()


def test_a_claim_on_what_is_shared_leaves_what_was_there_with_all_that_came_since(disk: Disk) -> None:
    old, fresh = disk.root / "old", disk.root / "fresh"
    old.mkdir()
    disk.converge(OwnedPath(path=str(old), shared=True), OwnedPath(path=str(fresh), shared=True))
    for path in (old, fresh):
        path.mkdir(exist_ok=True)
        (path / "file").touch()
    disk.undo()
    assert [path.name for path in old.iterdir()] == ["file"]
    assert not fresh.exists()


def test_undo_goes_newest_first_and_keeps_what_it_cannot_undo(disk: Disk) -> None:
    log, flag = disk.root / "log", disk.root / "flag"
    disk.converge(
        Command(title="one", run="true", revert=f"echo one >> {quote(str(log))}"),
        Command(title="two", run="true", revert=f"[ -e {quote(str(flag))} ]"),
        Command(title="three", run="true", revert=f"echo three >> {quote(str(log))}"),
    )
    report = disk.undo()
    assert not report.complete
    assert [change.state for change in report.changes] == ["changed", "failed", "changed"]
    assert log.read_text() == "three\none\n"
    flag.touch()
    assert disk.undo().complete
    assert log.read_text() == "three\none\n"
    assert not disk.data.exists()


def test_a_script_goes_on_when_its_reader_is_gone(disk: Disk) -> None:
    marks = [disk.root / f"mark{number}" for number in range(3)]
    commands = [
        Command(title=str(mark), run=f"echo talk\nsleep 0.3\necho talk\n: > {quote(str(mark))}")
        for mark in marks
    ]
    script = converge_script(disk.setting(), planned(commands))
    process = subprocess.Popen(
        disk.shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(script.encode())
    process.stdin.close()
    while not (disk.data / "lock" / "holder").exists():
        time.sleep(0.01)
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    process.wait(timeout=20)
    assert all(mark.exists() for mark in marks)
    assert states(disk.converge(*commands)) == ["same"] * 3


def test_a_second_script_waits_for_one_that_still_runs(disk: Disk) -> None:
    slow = Command(title="slow", run="sleep 1.5")
    script = converge_script(disk.setting(), planned([slow]))
    process = subprocess.Popen(disk.shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(script.encode())
    process.stdin.close()
    while not (disk.data / "lock" / "holder").exists():
        time.sleep(0.01)
    assert states(disk.converge(slow)) == ["same"]
    assert process.wait(timeout=5) == 0
    assert process.stdout is not None
    assert read_report(process.stdout.read().decode().splitlines()).complete
    process.stdout.close()


def test_the_lock_of_a_process_that_is_gone_is_taken_over(disk: Disk) -> None:
    script = converge_script(disk.setting(), planned([Command(title="hang", run="sleep 60")]))
    process = subprocess.Popen(
        disk.shell, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(script.encode())
    process.stdin.close()
    while not (disk.data / "lock" / "holder").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=5)
    assert states(disk.converge(Command(title="next", run="true"))) == ["changed"]


@given(st.binary(max_size=300))
@example(b"-\0")
def test_printed_bytes_are_the_bytes(content: bytes) -> None:
    done = subprocess.run(["dash"], input=print_bytes(content).encode(), capture_output=True, check=True)
    assert done.stdout == content


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_a_quoted_text_is_one_word(text: str) -> None:
    script = f"printf %s {quote(text)}"
    done = subprocess.run(["dash"], input=script.encode(), capture_output=True, check=True)
    assert done.stdout == text.encode()


@given(st.lists(st.text(max_size=40), max_size=8))
def test_garbage_is_no_report(lines: list[str]) -> None:
    read_report(lines)


def test_an_entry_that_a_power_cut_left_half_made_goes_with_the_next_run(disk: Disk) -> None:
    change = File(path=str(disk.root / "a"), content="x", owner=owner())
    disk.converge(change)
    half = disk.data / "journal" / "new-0123456789abcdef"
    half.mkdir()
    (half / "key").write_text("wait:something\n")
    assert disk.converge(change).complete
    assert not half.exists()


def test_one_operation_is_taken_back_alone(disk: Disk) -> None:
    path, other = disk.root / "a", disk.root / "b"
    path.write_text("theirs")
    disk.converge(File(path=str(path), content="first", owner=owner()))
    second = Setting(data=str(disk.data), operation="op-2")
    changes = [
        File(path=str(path), content="second", owner=owner()),
        File(path=str(other), content="new", owner=owner()),
        Command(title="for good", run="true"),
    ]
    disk.run(converge_script(second, planned(changes)))
    report, _ = disk.run(rollback_script(second, "op-2"))
    assert report.complete
    assert states(report) == ["kept", "changed", "changed"]
    assert path.read_text() == "first"
    assert not other.exists()
    assert disk.undo().complete
    assert path.read_text() == "theirs"


def test_undoing_everything_goes_straight_to_what_was_there_first(disk: Disk) -> None:
    path = disk.root / "a"
    path.write_text("theirs")
    for number in range(3):
        setting = Setting(data=str(disk.data), operation=f"op-{number}")
        change = File(path=str(path), content=str(number), owner=owner())
        disk.run(converge_script(setting, planned([change])))
    report = disk.undo()
    assert states(report) == ["changed"]
    assert path.read_text() == "theirs"


def test_taking_back_the_only_operation_leaves_nothing(disk: Disk) -> None:
    (disk.root / "theirs").touch()
    disk.converge(File(path=str(disk.root / "a"), content="x", owner=owner()))
    report, _ = disk.run(rollback_script(disk.setting(), "op-1"))
    assert report.complete
    assert [path.name for path in disk.root.iterdir()] == ["theirs"]


def test_a_directory_of_somebody_else_is_left_alone(disk: Disk) -> None:
    theirs = disk.data / "journal" / "0123abc"
    theirs.mkdir(parents=True)
    (theirs / "system.journal").write_text("theirs")
    script = undo_script(disk.setting())
    done = subprocess.run(disk.shell, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is no directory of Sealer" in done.stderr
    assert (theirs / "system.journal").read_text() == "theirs"
    assert sorted(path.name for path in disk.data.iterdir()) == ["journal"]


@pytest.mark.parametrize("left", ["lock", "journal/new", "blobs/incoming", "layers/0123"])
def test_a_directory_that_was_hardly_begun_is_removed(disk: Disk, left: str) -> None:
    (disk.data / left).mkdir(parents=True)
    assert disk.undo().complete
    assert not disk.data.exists()


def test_what_a_power_cut_left_of_a_removal_goes_with_the_next_one(disk: Disk) -> None:
    gone = disk.data.with_name(f"{disk.data.name}.sealer-gone")
    (gone / "kubeadm").mkdir(parents=True)
    assert disk.undo().changes == ()
    assert not gone.exists()
