"""Fixtures for tests on lab nodes; they need root and say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, Node
from sealer.testing.lab.fixtures import LabNodes, lab_nodes, lab_root, module_lab_nodes, new_lab
from sealer.testing.registry import RegistryServer
from tests.lab.cluster import Site, make_site
from tests.lab.images import build_images, share
from tests.lab.machine import Machine, bare
from tests.lab.operator import Operator

__all__ = ["builder", "lab_nodes", "lab_root", "module_lab_nodes", "new_lab", "site", "user"]


@pytest.fixture(scope="session")
def builder(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Return someone whose store has the images of a Kubernetes cluster and of an application."""
    person = Operator(home=tmp_path_factory.mktemp("builder"))
    build_images(person, artifacts)
    return person


@pytest.fixture(scope="session")
def user(builder: Operator, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Return someone else, who got the images from a registry with TLS and passwords."""
    person = Operator(home=tmp_path_factory.mktemp("user"))
    directory = tmp_path_factory.mktemp("registry")
    with RegistryServer(directory, tls=True, users={"ann": "s3cret word"}) as registry:
        share(builder, person, registry, login=("ann", "s3cret word"))
    return person


@pytest.fixture(scope="session")
def site(user: Operator, artifacts: Path, lab_root: Path) -> Iterator[Site]:
    """Return three machines whose links lead nowhere else, and their operator, who has the images."""
    del lab_root
    with Lab(f"test-{os.getpid()}-0") as lab:
        lab.up(3)
        yield make_site(lab, user.trusting(lab), kubectl=artifacts / "bin/kubectl")


@pytest.fixture(scope="module")
def bare_node(module_lab_nodes: LabNodes) -> Node:
    """Return a node with busybox beside its own programs."""
    return bare(module_lab_nodes(1))


@pytest.fixture
def machine(bare_node: Node) -> Iterator[Machine]:
    """Return a machine that scripts run on with its own shell and programs; what is left is taken back."""
    one = Machine(node=bare_node)
    yield one
    one.undo()


@pytest.fixture(params=["dash", "busybox"])
def any_shell(bare_node: Node, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Return a machine that scripts run on with its own shell and programs, then with busybox alone."""
    one = Machine(node=bare_node, busybox=request.param == "busybox")
    yield one
    one.undo()
