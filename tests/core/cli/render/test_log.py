"""The log file of an operation."""

from __future__ import annotations

import resource
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealer.cli.render import open_log
from sealer.errors import SealerError
from sealer.events import HostOutput, Message, Outcome
from tests.core.cli.render.helpers import begin, end, finish, move, start

NOON = datetime(2024, 1, 2, 12, 0, 0, tzinfo=UTC)


def test_every_event_is_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "new" / "o1.log"
    with open_log(path, clock=lambda: NOON) as log:
        for event in (
            begin("n1", "n2", steps=3, done=1),
            start("n1", "install"),
            HostOutput(host="n1", step="install@n1", line="Reading\x1b[0m packages"),
            move(1, 9, subject="layers"),
            finish("n1", "install", changes=("file /a", "unit b")),
            finish("n2", "join", Outcome.FAILED, error="no\nroute"),
            Message(text="slow", host="n2", warning=True),
            end(changed=1, failed=1),
        ):
            log(event)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("2024-01-02T12:00:00.000Z ") for line in lines)
    assert [line.partition(" ")[2] for line in lines] == [
        "operation o1: run c on n1, n2",
        "operation o1: 3 steps, 1 done earlier",
        "n1 install@n1: begins, attempt 1: install",
        "n1 | Reading[0m packages",
        "n1 layers: 1 of 9 bytes",
        "n1 install@n1: changed after 4.1s",
        "n1 install@n1: changed file /a",
        "n1 install@n1: changed unit b",
        "n2 join@n2: failed after 4.1s",
        "n2 join@n2: error: no",
        "n2 join@n2: error: route",
        "n2 warning: slow",
        "operation o1: ended after 93.2s: 1 changed, 0 unchanged, 1 failed, 0 blocked",
    ]


def test_lines_are_in_the_file_before_the_next_event(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open_log(path) as log:
        log(Message(text="first"))
        assert "first" in path.read_text(encoding="utf-8")


def test_the_log_is_its_owners_alone_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("earlier\n", encoding="utf-8")
    path.chmod(0o644)
    with open_log(path) as log:
        log(Message(text="later"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert first == "earlier"
    assert second.endswith(" later")


def test_a_log_that_can_not_be_opened_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SealerError, match="the log can't be written: Is a directory"), open_log(tmp_path):
        pass
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SealerError, match="the log can't be written"), open_log(link):
        pass


def test_work_goes_on_when_the_disk_is_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with open_log(path) as log:
            for _ in range(10):
                log(Message(text="x" * 40))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.stat().st_size == 100
    assert capsys.readouterr().err == f"warning: the log {path} is not complete: File too large\n"
