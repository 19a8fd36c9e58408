"""Real machines' worth of nodes on one host: Linux namespaces with systemd and sshd inside.

::

    with Lab("mine", network="10.99.0.0/24") as lab:
        lab.up(3)
        lab.run_operator(["sealer", "run", ...])
        lab.node("n2").power_off()

See ``docs/lab.md``. From a shell: ``python -m sealer.testing.lab --help``.
"""

from __future__ import annotations

from sealer.testing.lab.errors import LabError
from sealer.testing.lab.files import DEFAULT_IGNORED, Ignored
from sealer.testing.lab.lab import Lab
from sealer.testing.lab.node import Node
from sealer.testing.lab.root import ensure_root
from sealer.testing.lab.snapshot import Difference, Kind, Snapshot, compare, snapshot
from sealer.testing.lab.state import Mode, Shape

__all__ = [
    "DEFAULT_IGNORED",
    "Difference",
    "Ignored",
    "Kind",
    "Lab",
    "LabError",
    "Mode",
    "Node",
    "Shape",
    "Snapshot",
    "compare",
    "ensure_root",
    "snapshot",
]
