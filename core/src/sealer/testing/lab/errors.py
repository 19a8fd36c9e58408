"""What can go wrong in the lab itself, as opposed to in the program under test."""

from __future__ import annotations

from sealer.errors import SealerError


class LabError(SealerError):
    """The lab could not do what it was asked to: a missing program, a node that does not start."""
