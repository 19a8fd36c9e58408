"""What must hold for every change on a real machine: made once, found made, taken back without a trace."""

from __future__ import annotations

from sealer.changes import Change
from tests.lab.machine import Machine


def require_reversible(machine: Machine, *changes: Change) -> None:
    """See that changes are made, then found made, and taken back exactly."""
    with machine.unharmed():
        assert machine.apply(*changes) == ["changed"] * len(changes)
        assert machine.look(*changes) == [""] * len(changes)
        assert machine.apply(*changes) == ["same"] * len(changes)
        machine.undo()
