"""One lab for all that is tried with SSH."""

from __future__ import annotations

import pytest

from sealer.testing.lab.fixtures import LabNodes, package_lab_nodes
from tests.lab.ssh.net import Net, make_net

__all__ = ["net", "package_lab_nodes"]


@pytest.fixture(scope="package")
def net(package_lab_nodes: LabNodes, tmp_path_factory: pytest.TempPathFactory) -> Net:
    return make_net(package_lab_nodes(3), tmp_path_factory.mktemp("operator"))
