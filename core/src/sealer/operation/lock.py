"""The lock of a cluster on the operator's disk: who holds it, since when, and a heartbeat."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sealer.errors import OperationLocked, SealerError

HEARTBEAT_SECONDS = 5.0
"""How often the holder writes that it lives."""

STALE_SECONDS = 60.0
"""After how long without a heartbeat a holder is called stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a cluster. Times are seconds since the epoch, by the clock of the holder's machine."""

    verb: str
    user: str
    host: str
    process: int
    since: float
    heartbeat: float

    @classmethod
    def of_this_process(cls, verb: str) -> Self:
        """Return this process as the owner, from now on."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = str(os.getuid())
        now = time.time()
        host = socket.gethostname()
        return cls(verb=verb, user=user, host=host, process=os.getpid(), since=now, heartbeat=now)

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """Return the owner that is written in a lock; None when it is not, or not whole."""
        try:
            content = json.loads(text)
            time.localtime(float(content["since"]))
            return cls(
                verb=str(content["verb"]),
                user=str(content["user"]),
                host=str(content["host"]),
                process=int(content["process"]),
                since=float(content["since"]),
                heartbeat=float(content["heartbeat"]),
            )
        except (ValueError, KeyError, TypeError, OSError, OverflowError, RecursionError):
            return None

    def silence(self) -> float:
        """Return how many seconds ago it last said that it lives."""
        return max(0.0, time.time() - self.heartbeat)

    @property
    def stale(self) -> bool:
        """Whether it has said nothing for longer than it should."""
        return self.silence() > STALE_SECONDS

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return (
            f"sealer {self.verb} by {self.user} on {self.host} "
            f"(process {self.process}, since {since}, last heartbeat {_ago(self.silence())} ago)"
        )


@contextmanager
def hold(path: Path, cluster: str, verb: str) -> Iterator[None]:
    """Hold a cluster against other processes. The system lets go when the process ends, however it ends.

    Where the file system knows no locks of processes, the heartbeat alone decides: a lock whose owner has
    been silent for longer than ``STALE_SECONDS`` is taken over.

    Args:
        path: The lock; its directory exists.
        cluster: The cluster's name, for messages.
        verb: What it is held for.

    Raises:
        OperationLocked: Another process holds it; the message says who.
        SealerError: The file can't be made or written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        _require_free(descriptor, cluster, fcntl.LOCK_EX)
        owner = Owner.of_this_process(verb)
        try:
            _write(descriptor, owner)
        except OSError as error:
            raise _unlockable(path, error) from error
        ended = threading.Event()
        beating = threading.Thread(target=_beat, args=(descriptor, owner, ended), daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def require_free(path: Path, cluster: str) -> None:
    """Refuse to look at what another process is changing; nothing is made or written.

    Raises:
        OperationLocked: Another process holds the cluster; the message says who.
        SealerError: The file can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SealerError(f"can't read {path}: {error.strerror}") from error
    try:
        _require_free(descriptor, cluster, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _require_free(descriptor: int, cluster: str, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _locked(cluster, Owner.read(os.pread(descriptor, 4096, 0))) from error
    except OSError:
        owner = Owner.read(os.pread(descriptor, 4096, 0))
        if owner is not None and not owner.stale:
            raise _locked(cluster, owner) from None


def _beat(descriptor: int, owner: Owner, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        # A disk that is full for a while is no reason to stop.
        with contextlib.suppress(OSError):
            _write(descriptor, owner)


def _write(descriptor: int, owner: Owner) -> None:
    content = json.dumps({**asdict(owner), "heartbeat": time.time()}).encode()
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))


def _unlockable(path: Path, error: OSError) -> SealerError:
    return SealerError(
        f"the cluster can't be locked: {error.strerror}",
        place=str(path),
        hint="nothing was begun: free space or mend the permissions there, then do the same again",
    )


def _locked(cluster: str, owner: Owner | None) -> OperationLocked:
    hint = "wait until it has ended"
    if owner is not None and owner.stale:
        hint = f"it has been silent for long: if process {owner.process} on {owner.host} hangs, end it"
    return OperationLocked(f"cluster {cluster} is held by {owner or 'another process'}", hint=hint)


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes"
