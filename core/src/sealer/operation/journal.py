"""The journal of an operation on the operator's disk: JSON lines, each synced before work goes on."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from sealer.errors import SealerError


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneStep:
    """What the journal keeps of a step that was done: its fingerprint and its plain values."""

    fingerprint: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a journal says happened so far.

    Attributes:
        done: The steps that were done, by id.
        started: How often each step was started, by id.
        failed: Why steps failed that were not started again since, by id.
        finished: ``done``, ``aborted``, or None while the operation is open.
    """

    done: Mapping[str, DoneStep]
    started: Mapping[str, int]
    failed: Mapping[str, str] = field(default_factory=dict)
    finished: str | None


class Journal:
    """Appends transitions of steps. Use it as a context manager; one process at a time.

    Transitions that come while the disk is busy are synced together: many hosts wait no longer than one.

    Args:
        path: Its file; a torn last line, left by a crash in the middle of a write, is cut off.

    Raises:
        SealerError: The file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = self._synced = 0
        self._syncing: asyncio.Task[None] | None = None
        self._guard = threading.Lock()
        self._open = True
        try:
            whole = path.read_bytes() if path.exists() else b""
            end = whole.rfind(b"\n") + 1
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, end)
            os.lseek(self._file, end, os.SEEK_SET)
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._open = False
            os.close(self._file)

    async def started(self, step: str) -> None:
        """Note that a step begins."""
        self._append({"event": "started", "step": step})
        await self._synced_so_far()

    async def done(self, step: str, done: DoneStep) -> None:
        """Note that a step is done, with its plain values; a secret one must not be among them."""
        self._append(
            {"event": "done", "step": step, "fingerprint": done.fingerprint, "values": dict(done.values)}
        )
        await self._synced_so_far()

    async def failed(self, step: str, message: str) -> None:
        """Note that a step failed."""
        self._append({"event": "failed", "step": step, "message": message})
        await self._synced_so_far()

    def finished(self, state: str) -> None:
        """Note that the operation is over: ``done`` or ``aborted``."""
        self._append({"event": "finished", "state": state})
        self._sync()

    def _append(self, record: Mapping[str, object]) -> None:
        line = json.dumps({"time": round(time.time(), 3), **record}, ensure_ascii=False) + "\n"
        try:
            data = line.encode()
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._written += 1

    async def _synced_so_far(self) -> None:
        """Wait until all that was written by now is on the disk."""
        wanted = self._written
        while self._synced < wanted:
            if self._syncing is None:
                self._syncing = asyncio.create_task(self._sync_apart())
            # The others that wait for it go on waiting when this one is cancelled.
            await asyncio.shield(self._syncing)

    async def _sync_apart(self) -> None:
        written = self._written
        try:
            await asyncio.to_thread(self._sync)
            self._synced = written
        finally:
            self._syncing = None

    def _sync(self) -> None:
        try:
            with self._guard:
                if self._open:
                    os.fdatasync(self._file)
        except OSError as error:
            raise _unwritable(self._path, error) from error


def read_history(path: Path) -> History:
    """Read a journal; lines that are no records (a torn last one) are passed over.

    Raises:
        SealerError: The file is there and can't be read.
    """
    done: dict[str, DoneStep] = {}
    started: dict[str, int] = {}
    failed: dict[str, str] = {}
    finished: str | None = None
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise SealerError(
            f"the journal can't be read: {error.strerror}",
            place=str(path),
            hint="mend the permissions there; nothing was done",
        ) from error
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match record:
            case {"event": "started", "step": str(step)}:
                started[step] = started.get(step, 0) + 1
                done.pop(step, None)
                failed.pop(step, None)
            case {"event": "failed", "step": str(step), "message": str(message)}:
                failed[step] = message
            case {"event": "done", "step": str(step), "fingerprint": str(print_), "values": dict(values)}:
                done[step] = DoneStep(fingerprint=print_, values={str(k): str(v) for k, v in values.items()})
            case {"event": "finished", "state": str(state)}:
                finished = state
            case _:
                pass
    return History(done=done, started=started, failed=failed, finished=finished)


def _unwritable(path: Path, error: OSError) -> SealerError:
    return SealerError(
        f"the journal can't be written: {error.strerror}",
        place=str(path),
        hint="free space or mend the permissions there",
    )
