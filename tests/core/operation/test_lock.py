"""The lock of a cluster: who is refused, what is told, and what a dead or silent owner leaves."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.errors import OperationLocked, SealerError
from sealer.operation import lock as lock_module
from sealer.operation.lock import Owner, hold, require_free

PROGRAM = """
import sys
from pathlib import Path
from sealer.operation.lock import hold
with hold(Path(sys.argv[1]), "c1", "upgrade"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "lock")]
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refusal(path: Path) -> OperationLocked:
    with pytest.raises(OperationLocked) as caught, hold(path, "c1", "run"):
        pass
    return caught.value


def test_a_second_operation_is_refused_and_told_who_is_first(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    error = refusal(tmp_path / "lock")
    assert re.fullmatch(
        rf"cluster c1 is held by sealer upgrade by \S+ on \S+ \(process {holder.pid}, "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, last heartbeat \d+ seconds ago\)",
        error.message,
    )
    with pytest.raises(OperationLocked, match="held by sealer upgrade"):
        require_free(tmp_path / "lock", "c1")


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    require_free(tmp_path / "lock", "c1")
    with hold(tmp_path / "lock", "c1", "run"):
        assert json.loads((tmp_path / "lock").read_text())["verb"] == "run"


def test_a_holder_that_hangs_is_called_stale(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGSTOP)
    content = json.loads((tmp_path / "lock").read_text())
    (tmp_path / "lock").write_text(json.dumps({**content, "heartbeat": time.time() - 600}))
    error = refusal(tmp_path / "lock")
    assert "last heartbeat 10 minutes ago" in error.message
    assert f"process {holder.pid}" in str(error.hint)


def test_the_heart_beats_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.01)
    path = tmp_path / "lock"
    with hold(path, "c1", "run"):
        first = Owner.read(path.read_bytes())
        assert first is not None
        deadline = time.monotonic() + 20
        while (now := Owner.read(path.read_bytes())) is None or now.heartbeat == first.heartbeat:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert now.since == first.since
    assert path.read_bytes() == b""


def test_without_locks_of_the_file_system_the_heartbeat_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / "lock"
    with hold(path, "c1", "run"):
        assert "sealer run" in refusal(path).message
        content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "heartbeat": time.time() - 600}))
    with hold(path, "c1", "delete"):
        assert json.loads(path.read_text())["verb"] == "delete"


def test_a_cluster_is_not_begun_with_on_a_disk_that_is_full(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    refused = pytest.raises(SealerError, match="can't be locked: No space left")
    with refused as caught, hold(tmp_path / "lock", "c1", "run"):
        raise AssertionError("it is held")
    assert caught.value.hint is not None
    assert "nothing was begun" in caught.value.hint
