"""Several steps in one script: each in its own surroundings, each failing for itself."""

from __future__ import annotations

import subprocess
import time

from sealer.changes import Blob, Command, File, Output, quote
from sealer.changes.report import BlobsReceived, Ended, SectionReport, ValueReport, read_record
from sealer.changes.script import Section, sections_script

from .conftest import Disk, planned


def section(*changes: Command | File, needs: tuple[int, ...] = (), **surroundings: object) -> Section:
    return Section(changes=tuple(planned(changes)), needs=needs, **surroundings)  # type: ignore[arg-type]


def run(disk: Disk, *sections: Section) -> tuple[list[object], str]:
    script = sections_script(disk.setting(), sections)
    done = subprocess.run(disk.shell, input=script.encode(), capture_output=True, check=False)
    records = [read_record(line) for line in done.stdout.decode().splitlines()]
    assert (done.returncode == 0) == any(isinstance(record, Ended) for record in records)
    return [record for record in records if record is not None], done.stderr.decode()


def states(records: list[object]) -> dict[int, str]:
    return {record.number: record.state for record in records if isinstance(record, SectionReport)}


def test_a_step_that_fails_ends_those_that_need_it_and_no_others(disk: Disk) -> None:
    records, _ = run(
        disk,
        section(Command(title="good", run="true")),
        section(Command(title="bad", run="false"), Command(title="never", run="true")),
        section(Command(title="needs bad", run="true"), needs=(0, 1)),
        section(Command(title="needs good", run="true"), needs=(0,)),
        section(Command(title="needs what needs bad", run="true"), needs=(2,)),
    )
    assert states(records) == {0: "done", 1: "begin", 3: "done"}
    journal = [(path / "key").read_text().strip() for path in sorted((disk.data / "journal").iterdir())]
    assert journal == ["command:good", "command:bad", "command:needs good"]
    assert not (disk.data / "lock").exists()


def test_each_step_has_its_own_environment_and_directory(disk: Disk) -> None:
    log = quote(str(disk.root / "log"))
    (disk.root / "place").mkdir()
    say = f'echo "${{A-}} ${{B-}} ${{HOME:+home}} $PWD" >> {log}'
    run(
        disk,
        section(Command(title="1", run=say), env=(("A", "one '$x"), ("B", "two"), ("HOME", ""))),
        section(Command(title="2", run=say), directory=str(disk.root / "place")),
        section(Command(title="3", run=say), env=(("B", "three"),), directory="/no such place"),
    )
    place = str(disk.root / "place")
    assert (disk.root / "log").read_text().splitlines() == [
        "one '$x two  /",
        f"  home {place}",
        " three home /",
    ]


def test_values_are_told_with_the_place_of_their_change(disk: Disk) -> None:
    change = Command(title="a", run="true", yields=(Output(key="v", script="echo 1"),))
    other = Command(title="b", run="true", yields=(Output(key="v", script="echo 2"),))
    records, _ = run(disk, section(change), section(other))
    values = [(found.index, found.text) for found in records if isinstance(found, ValueReport)]
    assert values == [(0, "1"), (1, "2")]


def test_a_script_that_is_told_to_stop_finishes_the_change_that_runs(disk: Disk) -> None:
    for name, done in (("last-change", ["one"]), ("last-step", ["one", "two"])):
        log, go = disk.root / f"log-{name}", disk.root / f"go-{name}"
        wait = f"until [ -e {quote(str(go))} ]; do sleep 0.02; done"
        add = f">> {quote(str(log))}"
        sections = (
            section(
                Command(title=f"1 {name}", run=f"{wait}; echo one {add}"),
                Command(title=f"2 {name}", run=f"echo two {add}"),
            ),
            section(Command(title=f"3 {name}", run=f"echo three {add}")),
        )
        with subprocess.Popen(disk.shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(sections_script(disk.setting(), sections).encode())
            process.stdin.close()
            while not list((disk.data / "journal").glob("*/attempted")) or not (disk.data / "lock").exists():
                time.sleep(0.01)
            (disk.data / "lock" / name).touch()
            go.touch()
            assert process.stdout is not None
            told = [read_record(line) for line in process.stdout.read().decode().splitlines()]
        assert log.read_text().split() == done
        assert states([record for record in told if record])[1 if name == "last-step" else 0] == "stopped"
        assert not (disk.data / "lock").exists()
        # What was left is done by the next visit, and what was done is not done again.
        records, _ = run(disk, *sections)
        assert states(records) == {0: "done", 1: "done"}
        assert log.read_text().split() == ["one", "two", "three"]
        disk.undo()


def test_what_was_cut_off_is_not_begun_again_unasked(disk: Disk) -> None:
    log, flag = disk.root / "log", disk.root / "flag"
    run_text = f"echo ran >> {quote(str(log))}\n[ -e {quote(str(flag))} ] || kill -9 $PPID"
    command = Command(title="install", run=run_text)
    changes = tuple(planned([command]))

    def attempt(again: bool) -> list[object]:
        return run(disk, Section(changes=changes, again=again))[0]

    assert states(attempt(again=False)) == {0: "begin"}
    flag.touch()
    assert states(attempt(again=True)) == {0: "begin"}
    assert log.read_text() == "ran\n"
    assert states(attempt(again=False)) == {0: "done"}
    assert log.read_text() == "ran\nran\n"


def test_a_repeatable_command_is_begun_again(disk: Disk) -> None:
    log, flag = disk.root / "log", disk.root / "flag"
    run_text = f"echo ran >> {quote(str(log))}\n[ -e {quote(str(flag))} ]"
    changes = tuple(planned([Command(title="try", run=run_text, repeatable=True)]))
    assert states(run(disk, Section(changes=changes))[0]) == {0: "begin"}
    flag.touch()
    assert states(run(disk, Section(changes=changes, again=True))[0]) == {0: "done"}
    assert log.read_text() == "ran\nran\n"


def test_a_script_does_not_wait_for_what_a_command_left_running(disk: Disk) -> None:
    began = time.monotonic()
    leave = f"sleep 30 & echo $! > {quote(str(disk.root / 'pid'))}"
    records, _ = run(disk, section(Command(title="daemon", run=leave)))
    assert states(records) == {0: "done"}
    assert time.monotonic() - began < 25
    subprocess.run(["kill", (disk.root / "pid").read_text().strip()], check=True)


def test_a_stream_of_blobs_that_was_cut_off_changes_nothing(disk: Disk) -> None:
    path = disk.root / "made"
    sections = [section(Command(title="make", run=f"touch {quote(str(path))}"))]
    script = sections_script(disk.setting(), sections, receive=[Blob(digest="sha256:" + 64 * "a", size=5)])
    file = disk.root / "script"
    file.write_text(script)
    done = subprocess.run(
        [*disk.shell, str(file)], input=b"not a whole archive", capture_output=True, check=False
    )
    assert done.returncode != 0
    records = [read_record(line) for line in done.stdout.decode().splitlines()]
    assert not any(isinstance(record, BlobsReceived | SectionReport) for record in records)
    assert not path.exists()
