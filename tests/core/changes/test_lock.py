"""The lock of a host: what a script does that has to wait, or that can't have it."""

from __future__ import annotations

import subprocess
import time

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
    assert b"waiting for process" in second.stderr
    assert second.stdout.splitlines()[-1] == b"end"
    assert not disk.data.exists()


def test_a_lock_that_cannot_be_made_ends_the_script(disk: Disk) -> None:
    (disk.root / "file").write_bytes(b"")
    setting = Setting(data=str(disk.root / "file" / "data"), operation="op-1")
    script = converge_script(setting, planned([Command(title="next", run="true")]))
    done = subprocess.run(disk.shell, input=script.encode(), capture_output=True, check=False, timeout=10)
    assert done.returncode == 1
    assert b"/file" in done.stderr
    assert b"end" not in done.stdout
