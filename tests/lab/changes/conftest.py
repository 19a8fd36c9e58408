"""One machine for all changes."""

from __future__ import annotations

import pytest

from sealer.testing.lab import Node
from sealer.testing.lab.fixtures import LabNodes, package_lab_nodes
from tests.lab.machine import bare

__all__ = ["bare_node", "package_lab_nodes"]


@pytest.fixture(scope="package")
def bare_node(package_lab_nodes: LabNodes) -> Node:
    """Return a node with busybox beside its own programs."""
    return bare(package_lab_nodes(1))
