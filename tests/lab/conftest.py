"""Fixtures for tests on lab nodes; they need root and say so."""

from __future__ import annotations

from sealer.testing.lab.fixtures import lab_nodes, lab_root, module_lab_nodes, new_lab

__all__ = ["lab_nodes", "lab_root", "module_lab_nodes", "new_lab"]
