"""Operations on the operator's disk: one directory each, with the request, the journal and the log."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sealer.errors import OperationLocked, RecordDamaged, SealerError, UsageError
from sealer.operation.journal import History, read_history
from sealer.operation.lock import hold, require_free

_STAMP_FORMAT = "%Y%m%d-%H%M%S"
_STAMP = re.compile(r"\d{8}-\d{6}")
_IDENTITY = re.compile(r"\d{8}-\d{6}-([a-z-]+)-[0-9a-f]{4}")

REQUEST_FILE = "request.json"
"""What an operation was asked to do, in its directory."""

_DAMAGED = "the file is damaged"

TAKING_BACK = frozenset({"delete", "remove", "reset", "rollback"})
"""The verbs of operations that take things back; they can't be rolled back themselves."""

DONE = "done"
ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an operation was asked to do, and what was remembered of the cluster before."""

    request: Mapping[str, Any]
    before: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation that was begun.

    Attributes:
        id: Unique; sorts by time.
        verb: ``run``, ``delete``, …; the id says it.
        cluster: The cluster's name.
        directory: Holds ``request.json``, ``journal.jsonl`` and ``log``.
        asked: What ``request.json`` says, or why that can't be known.
    """

    id: str
    verb: str
    cluster: str
    directory: Path
    asked: Asked | RecordDamaged

    @property
    def request(self) -> Mapping[str, Any]:
        """All that its plan is made from, as plain data without secrets.

        Raises:
            RecordDamaged: It can't be read.
        """
        return self._asked().request

    @property
    def before(self) -> Mapping[str, Any] | None:
        """What was remembered of the cluster before, or None when it was not known.

        Raises:
            RecordDamaged: It can't be read.
        """
        return self._asked().before

    def _asked(self) -> Asked:
        if isinstance(self.asked, RecordDamaged):
            raise self.asked
        return self.asked

    @property
    def way_out(self) -> str:
        """What to do when its request is damaged, as a hint: no other way leads on from there."""
        name = self.cluster
        return (
            f"it can't be gone on with; give it up: sealer operations abort --cluster {name}   "
            f"or take the cluster away: sealer delete --all {name}"
        )

    @property
    def journal(self) -> Path:
        """The file of the journal."""
        return self.directory / "journal.jsonl"

    @property
    def log(self) -> Path:
        """The file of the log."""
        return self.directory / "log"

    def history(self) -> History:
        """Return what the journal says."""
        return read_history(self.journal)


class ClusterRecords:
    """What is kept of one cluster on the operator's disk.

    Args:
        home: ``$SEALER_HOME``.
        cluster: The cluster's name, a valid file name.
    """

    def __init__(self, home: Path, cluster: str) -> None:
        self.cluster = cluster
        self.directory = home / "clusters" / cluster

    @contextmanager
    def lock(self, verb: str) -> Iterator[None]:
        """Hold the cluster against other processes; the system lets go when the process ends.

        Raises:
            OperationLocked: Another process holds it; the message says who.
        """
        self._make(self.directory)
        with hold(self.directory / "lock", self.cluster, verb):
            yield

    def require_unlocked(self) -> None:
        """Refuse to look at what another process is changing; nothing is made or written.

        Raises:
            OperationLocked: Another process holds the cluster; the message says who.
        """
        require_free(self.directory / "lock", self.cluster)

    def require_none_open(self) -> None:
        """Refuse to go on while an operation is open.

        Raises:
            OperationLocked: One is; the hint says how to finish it.
        """
        operation = self.open_operation()
        if operation is not None:
            back = f"take back what it did: sealer operations rollback --cluster {self.cluster}   "
            raise OperationLocked(
                f"operation {operation.id} on cluster {self.cluster} is not finished",
                hint=f"go on with it: sealer resume {self.cluster}   "
                f"{'' if operation.verb in TAKING_BACK else back}"
                f"take the cluster away: sealer delete --all {self.cluster}",
            )

    def begin(
        self, verb: str, request: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
    ) -> Operation:
        """Write a new operation down.

        Args:
            verb: What it does.
            request: All that its plan is made from.
            before: What was remembered of the cluster until now, for taking the operation back.

        Raises:
            OperationLocked: An earlier operation is open.
        """
        self.require_none_open()
        identity = f"{self._stamp()}-{verb}-{secrets.token_hex(2)}"
        directory = self.directory / "operations" / identity
        new = directory.with_name(f".{identity}.new")
        self._make(new)
        try:
            write_json(new / REQUEST_FILE, {"verb": verb, "request": dict(request), "before": before})
            new.rename(directory)
            _sync(directory.parent)
        except OSError as error:
            raise _unwritable(directory, error) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return self._read(directory)

    def _stamp(self) -> str:
        """Return the time, or where an operation is on record for then or later, a moment behind that.

        Ids sort by their beginning, and a clock may have been set back.
        """
        parent = self.directory / "operations"
        taken = [found[0] for path in parent.glob("*") if (found := _STAMP.match(path.name))]
        stamp = time.strftime(_STAMP_FORMAT)
        if taken and stamp <= (newest := max(taken)):
            moment = datetime.strptime(newest, _STAMP_FORMAT) + timedelta(seconds=1)
            stamp = moment.strftime(_STAMP_FORMAT)
        return stamp

    def operations(self) -> tuple[Operation, ...]:
        """Return all operations, oldest first; what else lies there is passed over."""
        parent = self.directory / "operations"
        if not parent.is_dir():
            return ()
        return tuple(
            self._read(path)
            for path in sorted(parent.iterdir())
            if _IDENTITY.fullmatch(path.name) and path.is_dir()
        )

    def operation(self, identity: str) -> Operation:
        """Return an operation by its id.

        Raises:
            UsageError: There is none.
        """
        for operation in self.operations():
            if operation.id == identity:
                return operation
        raise UsageError(
            f"cluster {self.cluster} has no operation {identity}",
            hint=f"what was done: sealer operations list --cluster {self.cluster}",
        )

    def require_open(self, wish: str) -> Operation:
        """Return the operation that is open.

        Args:
            wish: What is to be done to it, for the message.

        Raises:
            SealerError: None is.
        """
        operation = self.open_operation()
        if operation is None:
            raise SealerError(
                f"no operation on cluster {self.cluster} is open: nothing to {wish}",
                hint=f"what was done: sealer operations list --cluster {self.cluster}",
            )
        return operation

    def open_operation(self) -> Operation | None:
        """Return the newest operation if its journal does not say that it is over."""
        operations = self.operations()
        if operations and operations[-1].history().finished is None:
            return operations[-1]
        return None

    def _read(self, directory: Path) -> Operation:
        identity = _IDENTITY.fullmatch(directory.name)
        if identity is None:
            raise ValueError(f"{directory.name} is no id of an operation")
        return Operation(
            id=directory.name,
            verb=identity[1],
            cluster=self.cluster,
            directory=directory,
            asked=_read_asked(directory / REQUEST_FILE),
        )

    @staticmethod
    def _make(directory: Path) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(directory, error) from error


def _read_asked(path: Path) -> Asked | RecordDamaged:
    try:
        content = read_json(path)
    except RecordDamaged as error:
        return error
    except SealerError as error:
        return RecordDamaged(error.message)
    request, before = content.get("request"), content.get("before")
    if not isinstance(request, dict) or not isinstance(before, dict | None):
        return RecordDamaged(_DAMAGED, place=str(path))
    return Asked(request=request, before=before)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of plain data whole or not at all, readable by its owner alone.

    Raises:
        SealerError: It can't be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SealerError:
    return SealerError(
        f"can't write {path}: {error.strerror}", hint="free space or mend the permissions there"
    )


def _sync(directory: Path) -> None:
    """Have the disk keep the names in a directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of plain data.

    Raises:
        RecordDamaged: It is no whole JSON object.
        SealerError: It can't be read.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SealerError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RecordDamaged(_DAMAGED, place=str(path)) from error
    if not isinstance(content, dict):
        raise RecordDamaged(_DAMAGED, place=str(path))
    return content
