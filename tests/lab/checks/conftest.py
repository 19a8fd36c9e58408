"""Three machines for all checks, and someone who has them checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.testing.lab import Lab
from sealer.testing.lab.fixtures import LabNodes, package_lab_nodes
from tests.lab.operator import Operator

__all__ = ["lab", "package_lab_nodes", "person"]


@pytest.fixture(scope="package")
def lab(package_lab_nodes: LabNodes) -> Lab:
    return package_lab_nodes(3)


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Operator:
    return Operator(home=tmp_path).trusting(lab)
