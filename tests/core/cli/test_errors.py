"""How errors look on the terminal, and which exit code they give."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sealer.cli.errors import exit_code_of, render
from sealer.errors import (
    ChangeFailed,
    ChecksFailed,
    HostsFailed,
    HostUnreachable,
    Interrupted,
    OperationLocked,
    Place,
    SealerError,
    SourceError,
    SourceErrors,
    UsageError,
    VerificationError,
)


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def outcome(capsys: pytest.CaptureFixture[str], error: BaseException) -> tuple[int, str]:
    code = exit_code_of(raising(error), wants_traceback=lambda: False)
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


def test_message_and_hint_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(capsys, SealerError("the image is gone", hint="pull it again")) == (
        1,
        "error: the image is gone\nhint: pull it again\n",
    )


def test_a_host_is_named_before_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = outcome(capsys, HostUnreachable("no answer", host="n1"))
    assert text == "error: n1: no answer\n"


def test_every_problem_of_a_source_is_shown_with_its_line_and_a_caret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = Place(file="Kubefile", line=2, column=6, text="COPY \tx\n")
    second = Place(file="Kubefile", line=3, column=1, text="FRM a")
    problems = [
        SourceError("there is no x", place=first),
        SourceError("unknown instruction FRM", place=second, hint="write FROM"),
    ]
    code, text = outcome(capsys, SourceErrors(problems))
    assert code == 1
    assert text == (
        "error: Kubefile:2:6: there is no x\n"
        "    COPY \tx\n"
        "         ^\n"
        "error: Kubefile:3:1: unknown instruction FRM\n"
        "    FRM a\n"
        "    ^\n"
        "hint: write FROM\n"
    )


def test_hosts_with_one_message_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    failures: dict[str, SealerError] = {
        "n1": ChangeFailed("the disk is full", host="n1", output="tar: write error\n"),
        "n2": HostUnreachable("no answer", host="n2", hint="is sshd running?"),
        "n3": HostUnreachable("no answer", host="n3", hint="is sshd running?"),
    }
    error = HostsFailed("3 of 5 hosts failed", failures=failures, hint="sealer resume c1")
    code, text = outcome(capsys, error)
    assert code == 5
    assert text == (
        "error: 3 of 5 hosts failed\n"
        "  n2, n3: no answer\n"
        "    hint: is sshd running?\n"
        "  n1: the disk is full\n"
        "    tar: write error\n"
        "hint: sealer resume c1\n"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SealerError("x"), 1),
        (UsageError("x"), 2),
        (click.UsageError("x"), 2),
        (ChecksFailed("x"), 3),
        (VerificationError("x"), 4),
        (HostsFailed("x", failures={}), 5),
        (OperationLocked("x"), 6),
        (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 1),
        (RuntimeError("x"), 1),
        (click.exceptions.Exit(7), 7),
    ],
)
def test_the_kind_of_error_decides_the_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(raising(error), wants_traceback=lambda: False) == code


def test_work_that_ends_well_gives_zero() -> None:
    assert exit_code_of(lambda: None, wants_traceback=lambda: False) == 0


def test_a_group_is_printed_error_by_error_and_equal_ones_once(capsys: pytest.CaptureFixture[str]) -> None:
    inner = ExceptionGroup("g", [VerificationError("bad digest"), VerificationError("bad digest")])
    code, text = outcome(capsys, ExceptionGroup("g", [inner, VerificationError("bad size")]))
    assert (code, text) == (4, "error: bad digest\nerror: bad size\n")


def test_a_group_of_different_errors_gives_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = outcome(capsys, ExceptionGroup("g", [VerificationError("a"), OperationLocked("b")]))
    assert code == 1


def test_an_interrupt_within_a_group_wins(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = outcome(capsys, BaseExceptionGroup("g", [SealerError("a"), KeyboardInterrupt()]))
    assert code == 130


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_a_private_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALER_HOME", str(tmp_path / "home"))
    log = tmp_path / "home" / "log" / "sealer.log"
    code, text = outcome(capsys, ZeroDivisionError("by nought"))
    assert code == 1
    assert text == (
        "error: internal error: ZeroDivisionError: by nought\n"
        f"hint: this is a bug; please report it with the traceback in {log}\n"
    )
    assert "in work\n    raise error\nZeroDivisionError: by nought" in log.read_text()
    assert (log.stat().st_mode & 0o777, log.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_when_the_log_cannot_be_written_the_traceback_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEALER_HOME", str(tmp_path / "file"))
    _, text = outcome(capsys, ZeroDivisionError("by nought"))
    assert "Traceback (most recent call last):" in text
    assert "the log can't be written (Not a directory)" in text


def test_debug_shows_where_an_error_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code_of(raising(SealerError("x")), wants_traceback=lambda: True)
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):")


def test_control_characters_of_a_host_do_not_reach_the_terminal() -> None:
    error = ChangeFailed("it said \x1b[2J", host="n1", output="a\x1b]0;owned\x07\rb\n")
    assert all(
        "\x1b" not in line.replace("\x1b[31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")
        for line in render(error)
    )
    assert "\r" not in "".join(render(error))


def test_a_reader_that_goes_away_ends_the_program_quietly() -> None:
    script = "from sealer.cli import main; main()"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", script, "version"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert (done.returncode, done.stderr) == (1, b"")
