"""The hosts that most faults are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab
from sealer.testing.lab.abandoned import name_for_test
from tests.lab.faults.ground import Ground, make_ground


@pytest.fixture(scope="package")
def hosts(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Return a master and a node."""
    del lab_root
    with Lab(name_for_test(1000)) as lab:
        yield make_ground(tmp_path_factory.mktemp("ground"), lab, 2)


@pytest.fixture
def ground(hosts: Ground) -> Iterator[Ground]:
    """Return a master and a node; no cluster is left on them, though a test fails."""
    yield hosts
    hosts.clear()
