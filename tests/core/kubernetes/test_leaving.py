"""What is said to a cluster about nodes that leave."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sealer.kubernetes import forget_command

KUBECTL = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$0.calls"
[ "$(wc -l < "$0.calls")" -gt {failures} ] || {{ echo 'etcdserver: leader changed' >&2; exit 1; }}
"""


def forget(directory: Path, failures: int) -> tuple[int, list[str]]:
    """Run the script with a kubectl that is refused so often, and without its pauses."""
    kubectl = directory / "kubectl"
    kubectl.write_text(KUBECTL.format(failures=failures))
    kubectl.chmod(0o755)
    script = f"sleep() {{ :; }}\nset -e\n{forget_command(str(kubectl), 'n2')}\necho on"
    done = subprocess.run(["dash"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (done.stdout == "on\n") == (done.returncode == 0)
    return done.returncode, (directory / "kubectl.calls").read_text().splitlines()


def test_a_node_is_forgotten_though_etcd_chooses_a_leader_meanwhile(tmp_path: Path) -> None:
    assert forget(tmp_path, failures=3) == (0, ["delete node n2 --ignore-not-found"] * 4)


def test_what_is_refused_for_long_fails(tmp_path: Path) -> None:
    status, calls = forget(tmp_path, failures=99)
    assert status == 1
    assert len(calls) == 10
