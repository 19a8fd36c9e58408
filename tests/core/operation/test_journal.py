"""The operator's journal: what is noted is on the disk, and many hosts wait for the disk together."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from sealer.errors import SealerError
from sealer.operation.journal import DoneStep, Journal, read_history


async def test_transitions_that_come_together_are_synced_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    sizes: list[int] = []
    real = os.fdatasync

    def sync(file: int) -> None:
        real(file)
        sizes.append(os.fstat(file).st_size)

    monkeypatch.setattr(os, "fdatasync", sync)
    with Journal(path) as journal:

        async def note(number: int) -> None:
            await journal.started(f"s{number}")
            size = path.stat().st_size
            await journal.done(f"s{number}", DoneStep(fingerprint="f"))
            assert sizes[-1] > size, "went on before its line was synced"

        await asyncio.gather(*(note(number) for number in range(100)))
    assert len(sizes) < 50
    assert len(read_history(path).done) == 100


async def test_a_full_disk_stops_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdatasync", full)
    with Journal(tmp_path / "journal") as journal:
        waiting = (journal.started(f"s{number}") for number in range(3))
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, SealerError) and "No space" in outcome.message for outcome in outcomes)


async def test_one_that_is_cancelled_takes_nobody_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    go_on = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda file: go_on.wait(10))
    with Journal(path) as journal:
        first, second = (asyncio.create_task(journal.started(f"s{number}")) for number in range(2))
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        await second
        assert first.cancelled()
    assert read_history(path).started == {"s0": 1, "s1": 1}


async def test_why_a_step_failed_is_known_until_it_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        await journal.started("s1")
        await journal.failed("s1", "the disk is full")
        await journal.started("s2")
        await journal.failed("s2", "no route")
        await journal.started("s2")
    assert read_history(path).failed == {"s1": "the disk is full"}
