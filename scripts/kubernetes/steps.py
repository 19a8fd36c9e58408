"""Steps of a long build: each is done once, tells how long it took, and keeps what it printed in a log."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path


class BuildError(Exception):
    """A step failed; the message says which and where its log is."""


class Steps:
    """Runs steps in order, skipping those whose results are there.

    Args:
        logs: The directory of the logs.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._start = time.monotonic()
        self._log: Path | None = None

    def do(self, title: str, result: Path, inputs: Sequence[object], work: Callable[[Path], None]) -> None:
        """Make a directory unless an earlier run made it from the same inputs.

        Args:
            title: What the step does, for people and for the log's name.
            result: The directory.
            inputs: What the result depends on; Path objects stand for the contents of files.
            work: Fills an empty directory; it becomes ``result`` when that is complete.
        """
        stamp = result / ".made-from"
        wanted = _fingerprint(inputs)
        if stamp.is_file() and stamp.read_text() == wanted:
            self._say(f"{title}: there already")
            return
        self._say(f"{title} ...")
        begin = time.monotonic()
        self._log = self._logs / f"{title.replace(' ', '-').lower()}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_text("")
        fresh = result.with_name(f".{result.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            work(fresh)
        except (BuildError, OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
            raise BuildError(f"{title} failed: {error}\nits log: {self._log}") from error
        (fresh / stamp.name).write_text(wanted)
        if result.exists():
            shutil.rmtree(result)
        fresh.rename(result)
        self._say(f"{title}: done in {time.monotonic() - begin:.0f} s")

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Run a program for the present step; return its output, which also goes to the log with its errors.

        Raises:
            BuildError: It is missing or failed.
        """
        assert self._log is not None, "run belongs into a step"
        words = [str(word) for word in argv]
        environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **(variables or {}),
        }
        with self._log.open("a") as log:
            log.write(f"$ {' '.join(words)[:2000]}\n")
            log.flush()
            try:
                result = subprocess.run(
                    words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=log, text=True, check=False,
                )  # fmt: skip
            except FileNotFoundError:
                raise BuildError(f"{words[0]} is not installed") from None
            log.write(result.stdout)
        if result.returncode != 0:
            raise BuildError(f"{Path(words[0]).name} ended with status {result.returncode}")
        return result.stdout

    def _say(self, text: str) -> None:
        elapsed = int(time.monotonic() - self._start)
        print(f"[{elapsed // 60:02}:{elapsed % 60:02}] {text}", flush=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file; say so when another run holds it, and wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another build is running: waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint(inputs: Sequence[object]) -> str:
    total = hashlib.sha256()
    for value in inputs:
        data = value.read_bytes() if isinstance(value, Path) else repr(value).encode()
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()
