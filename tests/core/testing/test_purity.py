from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sealer.testing.purity import NotPure, pure, unwatched


@pytest.mark.parametrize(
    "touch",
    [
        lambda path: path.write_text("x"),
        lambda path: Path("/etc/passwd").read_text(),
        lambda path: path.mkdir(),
        lambda path: list(path.parent.iterdir()),
        lambda path: os.environ.update(SEALER_TOUCHED="x"),
        lambda path: socket.create_connection(("127.0.0.1", 1)),
        lambda path: subprocess.run(["true"], check=True),
        lambda path: os.system("true"),
    ],
    ids=["write", "read", "make", "list", "environment", "connect", "start", "shell"],
)
def test_what_touches_the_world_is_refused(touch: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(NotPure), pure():
        touch(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_was_swallowed_is_remembered(tmp_path: Path) -> None:
    with pytest.raises(NotPure, match="writes"), pure(), contextlib.suppress(Exception):
        (tmp_path / "new").write_text("x")


def test_computing_and_importing_and_random_bytes_are_pure() -> None:
    with pure():
        import colorsys

        assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
        assert secrets.token_hex(8)


def test_reading_is_allowed_on_request_and_writing_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pure(reading=True):
        assert [path.read_text() for path in tmp_path.iterdir()] == ["x"]
    with pytest.raises(NotPure), pure(reading=True):
        (tmp_path / "file").write_text("y")
    assert (tmp_path / "file").read_text() == "x"


def test_a_part_may_be_left_unwatched_and_other_threads_are(tmp_path: Path) -> None:
    other = threading.Thread(target=(tmp_path / "other").touch)
    with pure(), unwatched():
        (tmp_path / "own").touch()
        other.start()
        other.join()
    assert {path.name for path in tmp_path.iterdir()} == {"own", "other"}


def test_nothing_is_watched_afterwards(tmp_path: Path) -> None:
    with pure():
        pass
    (tmp_path / "new").touch()
    assert (tmp_path / "new").exists()
