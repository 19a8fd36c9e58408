"""The lock of a host: what a script does that has to wait, or that can't have it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sealer.changes import Command
from sealer.changes.script import Setting, converge_script, undo_script

from .conftest import Disk, planned


def test_a_script_that_waits_for_a_deletion_goes_on_when_the_directory_is_gone(disk: Disk) -> None:
    disk.converge(Command(title="made", run="true", revert="sleep 1.5"))
    deletion = subprocess.Popen(disk.shell, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert deletion.stdin is not None
    deletion.stdin.write(undo_script(disk.setting()).encode())
    deletion.stdin.close()
    while not (disk.data / "lock" / "holder").exists():
        time.sleep(0.01)
    second = subprocess.run(
        disk.shell, input=undo_script(disk.setting()).encode(), capture_output=True, check=True, timeout=10
    )
    assert deletion.wait(timeout=5) == 0
    assert b"sealer-waits: process " in second.stderr
    assert second.stdout.splitlines()[-1] == b"end"
    assert not disk.data.exists()


def begin(disk: Disk, script: str) -> subprocess.Popen[bytes]:
    """Start a script whose operator does not wait for it."""
    process = subprocess.Popen(
        disk.shell, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(script.encode())
    process.stdin.close()
    return process


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def said(process: subprocess.Popen[bytes]) -> str:
    """Wait for a script to end, and return what it said."""
    assert process.stderr is not None
    with process.stderr as stream:
        text = stream.read().decode()
    process.wait(timeout=10)
    return text


def waiting(disk: Disk) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes], Path]:
    """Return a script that holds the lock until the file is there, and one that waits to make a file."""
    gate, turn = disk.root / "gate", Path(f"{disk.data}.turn")
    hold = Command(title="hold", run=f"while [ ! -e {gate} ]; do sleep 0.05; done", revert="true")
    late = Command(title="late", run=f"touch {disk.root}/late", revert="true")
    holder = begin(disk, converge_script(disk.setting(), planned([hold])))
    wait_for((disk.data / "lock" / "holder").exists)
    waiter = begin(disk, converge_script(disk.setting(), planned([late])))
    wait_for(lambda: turn.exists() and turn.read_text() != "")
    return holder, waiter, gate


def test_a_script_that_waits_gives_up_when_a_later_one_waits_too(disk: Disk) -> None:
    holder, waiter, gate = waiting(disk)
    turn = Path(f"{disk.data}.turn")
    first = turn.read_text()
    second = begin(disk, converge_script(disk.setting(), planned([Command(title="newer", run="true")])))
    wait_for(lambda: turn.read_text() not in ("", first))
    gate.touch()
    assert "a later run has come" in said(waiter)
    assert "a later run" not in said(second)
    said(holder)
    assert (waiter.returncode, second.returncode, holder.returncode) == (1, 0, 0)
    assert not (disk.root / "late").exists()
    assert not turn.exists()
    assert not (disk.data / "lock").exists()


def test_a_script_that_waited_makes_nothing_again_that_a_later_one_took_away(disk: Disk) -> None:
    holder, waiter, gate = waiting(disk)
    os.kill(waiter.pid, signal.SIGSTOP)
    pids = [int(pid) for pid in children(waiter.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    gate.touch()
    said(holder)
    subprocess.run(disk.shell, input=undo_script(disk.setting()).encode(), check=True, timeout=10)
    for pid in (*pids, waiter.pid):
        os.kill(pid, signal.SIGCONT)
    assert "a later run has come" in said(waiter)
    assert not disk.data.exists()
    assert not Path(f"{disk.data}.turn").exists()
    assert not (disk.root / "late").exists()


def children(process: int) -> list[str]:
    """Return the processes below one, by number."""
    try:
        direct = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid for child in direct for pid in (child, *children(int(child)))]


def test_a_lock_that_cannot_be_made_ends_the_script(disk: Disk) -> None:
    (disk.root / "file").write_bytes(b"")
    setting = Setting(data=str(disk.root / "file" / "data"), operation="op-1")
    script = converge_script(setting, planned([Command(title="next", run="true")]))
    done = subprocess.run(disk.shell, input=script.encode(), capture_output=True, check=False, timeout=10)
    assert done.returncode == 1
    assert b"/file" in done.stderr
    assert b"end" not in done.stdout
