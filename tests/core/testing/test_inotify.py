"""The lab sees in time that the kernel's inotify instances are too few."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from sealer.testing.lab import LabError, inotify


def test_instances_of_all_processes_are_counted(tmp_path: Path) -> None:
    for process, descriptors in {"7": 3, "8": 1, "self": 5}.items():
        directory = tmp_path / process / "fd"
        directory.mkdir(parents=True)
        for number in range(descriptors):
            (directory / str(number)).symlink_to("anon_inode:inotify")
        (directory / "99").symlink_to("/dev/null")
    (tmp_path / "9").mkdir()  # its files are gone
    assert inotify.used(tmp_path) == 4


def test_one_that_this_process_opens_is_counted() -> None:
    descriptor = ctypes.CDLL(None).inotify_init1(0)
    try:
        assert inotify.used() >= 1
    finally:
        os.close(descriptor)


def test_too_few_are_refused_with_what_mends_it() -> None:
    many = inotify.limit() + 1
    with pytest.raises(
        LabError, match=f"{many} nodes can't be started: {many * 8} inotify instances"
    ) as caught:
        inotify.require_instances(many)
    assert caught.value.hint is not None
    assert "sysctl -w fs.inotify.max_user_instances=" in caught.value.hint


def test_none_are_needed_for_no_nodes() -> None:
    assert inotify.shortage(0, inotify.SYSTEMD) is None
