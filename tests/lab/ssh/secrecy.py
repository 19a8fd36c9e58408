"""Where secrets must not be: files, logs, argument lists and environments."""

from __future__ import annotations

from pathlib import Path

from sealer.testing.lab import Node
from tests.lab.operator import Operator
from tests.lab.ssh.net import Net


def require_nowhere(net: Net, person: Operator, secret: str) -> None:
    """See that a secret is in none of the program's files, and on no disk and in no log of any node."""
    files = [path for path in person.sealer_home.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    for node in net.lab.nodes:
        search = f"grep -rlsF '{secret.split()[1]}' /etc /home /root /run /srv /tmp /usr/local /var; :"
        assert node.run(["sh", "-c", search]).stdout == ""


def words_of_all_processes() -> str:
    """Return the argument lists of all processes of this machine, which are also those of the nodes."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_text(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return "\n".join(found)


def wait_for(node: Node, script: str) -> None:
    """Wait until a script succeeds on a node."""
    waiting = f"for try in $(seq 200); do {script} >/dev/null && exit 0; sleep 0.05; done; exit 1"
    node.run(["sh", "-c", waiting])
