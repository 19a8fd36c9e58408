"""A thousand hosts at once: every outcome is kept, and neither memory nor sessions grow out of bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from .many_hosts import COUNT, MAX_SESSIONS, choose_faults

PROGRAM = Path(__file__).with_name("many_hosts.py")
MEMORY = 200 * 10**6
SEED = 7


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_hosts_complete_and_every_outcome_is_kept(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}

    def start(what: str) -> subprocess.Popen[str]:
        words = [sys.executable, str(PROGRAM), what, str(tmp_path), str(SEED)]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, env=environment, stdin=pipe, stdout=pipe, text=True)

    with start("serve") as hosts:
        while not (tmp_path / "hosts.json").exists():
            assert hosts.poll() is None, "the hosts did not start"
            time.sleep(0.05)
        with start("operate") as operator:
            told, _ = operator.communicate()
        seen, _ = hosts.communicate()
    assert (operator.returncode, hosts.returncode) == (0, 0)
    report, counted = json.loads(told), json.loads(seen)

    faults = choose_faults(SEED)
    kinds = {"refuses": "HostUnreachable", "denies": "AuthenticationFailed", "fails": "ChangeFailed"}
    failing = {number: kinds[kind] for number, kind in faults.items() if kind in kinds}
    assert report["failures"] == {f"a@h{number}": kind for number, kind in failing.items()}
    unreachable = {f"h{n}": kinds[kind] for n, kind in faults.items() if kind in {"refuses", "denies"}}
    assert report["not_connected"] == unreachable
    done = 2 * (COUNT - len(failing))
    expected = Counter({"changed": done, "failed": len(failing), "blocked": len(failing) + 1})
    assert Counter(report["outcomes"]) == expected
    assert report["journal"] == done

    assert counted["broken"] == 0
    assert counted["most_connections"] <= COUNT, "a host had more than one connection"
    assert counted["connections"] == 0, "connections were left open"
    assert counted["most_sessions"] < MAX_SESSIONS
    assert report["memory"] < MEMORY
