"""Python imports this as it starts: it kills the process at the next boundary that is new.

A boundary is a record that was just appended to an operation's journal, or a file that just came into its
place among what is kept of clusters. ``KILL_LEDGER`` names a file with the boundaries that were met: each is
met once.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

LEDGER = os.environ.get("KILL_LEDGER")

_write, _rename = os.write, os.rename


def _meet(boundary: str) -> None:
    with Path(str(LEDGER)).open("a+") as ledger:
        ledger.seek(0)
        if boundary in ledger.read().splitlines():
            return
        ledger.write(f"{boundary}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _watched_write(descriptor: int, data: bytes) -> int:
    written = _write(descriptor, data)
    with contextlib.suppress(OSError, ValueError, KeyError):
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "journal.jsonl":
            for line in bytes(data)[:written].splitlines():
                record = json.loads(line)
                _meet(f"{record['event']} {record.get('step', record.get('state', ''))}")
    return written


def _watched_rename(source: Any, target: Any, **places: Any) -> None:
    _rename(source, target, **places)
    if "/clusters/" in os.fspath(target):
        # The id of an operation begins with a time and ends with a random word.
        _meet("wrote " + re.sub(r"[0-9-]{16}(\w+)-\w+$", r"operations/\1", Path(target).name))


if LEDGER:
    os.write, os.rename = _watched_write, _watched_rename
