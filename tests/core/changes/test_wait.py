"""Waiting until something is so, and saying meanwhile why it is not."""

from __future__ import annotations

import subprocess

from sealer.changes import Command, Wait, quote
from sealer.changes.report import read_report
from sealer.changes.script import converge_script
from sealer.changes.wait import WAITING
from tests.core.changes.conftest import Disk, planned


def wait(disk: Disk, *, why: str = "echo 'no flag yet'", limit: float = 60) -> Wait:
    flag = quote(str(disk.root / "flag"))
    return Wait(title="the flag is there", until=f"[ -e {flag} ]", why=why, limit=limit, pause=0.05)


def reasons(log: str) -> list[str]:
    return [line.removeprefix(WAITING) for line in log.splitlines() if line.startswith(WAITING)]


def test_what_holds_is_not_waited_for(disk: Disk) -> None:
    (disk.root / "flag").touch()
    report, log = disk.run(converge_script(disk.setting(), planned([wait(disk)])))
    assert [change.state for change in report.changes] == ["same"]
    assert reasons(log) == []


def test_it_ends_as_soon_as_it_holds_and_told_every_reason_once(disk: Disk) -> None:
    rounds, flag = quote(str(disk.root / "rounds")), quote(str(disk.root / "flag"))
    # It holds after the sixth answer; there are two answers each of three kinds.
    why = f"""echo >> {rounds}
    n=$(wc -l < {rounds})
    echo "round $((n / 2))"
    echo "second line"
    if [ "$n" -ge 6 ]; then touch {flag}; fi"""
    report, log = disk.run(converge_script(disk.setting(), planned([wait(disk, why=why)])))
    assert report.complete
    assert [change.state for change in report.changes] == ["changed"]
    said = reasons(log)
    assert said == list(dict.fromkeys(said))
    assert said[-1] == "round 3; second line"
    assert len(said) >= 2


def test_it_gives_up_with_the_last_reason_and_what_follows_is_not_done(disk: Disk) -> None:
    after = Command(title="after", run=f"touch {quote(str(disk.root / 'after'))}")
    report, log = disk.run(converge_script(disk.setting(), planned([wait(disk, limit=1), after])))
    assert not report.complete
    assert [change.state for change in report.changes] == ["failed"]
    assert reasons(log) == ["no flag yet"]
    assert not (disk.root / "after").exists()


def test_a_plan_says_why_it_would_wait(disk: Disk) -> None:
    (change,) = disk.observe(wait(disk)).changes
    assert (change.state, change.reason) == ("needed", "no flag yet")


def test_no_reason_is_a_reason_too(disk: Disk) -> None:
    for why in ("false", ":", "exit 3", "echo; echo"):
        (change,) = disk.observe(wait(disk, why=why)).changes
        assert change.reason == "it is not so yet"


def test_a_very_long_reason_is_cut(disk: Disk) -> None:
    (change,) = disk.observe(wait(disk, why="yes 'n1: not Ready' | head -n 9999")).changes
    assert len(change.reason) == 2000


def test_there_is_nothing_to_take_back(disk: Disk) -> None:
    (disk.root / "flag").touch()
    disk.converge(wait(disk))
    assert disk.undo().complete


def test_the_condition_may_exit_and_change_directory(disk: Disk) -> None:
    flag = disk.root / "flag"
    flag.touch()
    change = Wait(
        title="it", until=f"cd {quote(str(disk.root))}\n[ -e flag ] && exit 0\nexit 1", why=":", limit=5
    )
    done = subprocess.run(
        disk.shell,
        input=converge_script(disk.setting(), planned([change])).encode(),
        capture_output=True,
        check=True,
    )
    assert [one.state for one in read_report(done.stdout.decode().splitlines()).changes] == ["same"]
