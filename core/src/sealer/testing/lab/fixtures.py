"""Fixtures of pytest for tests on lab nodes.

A conftest module takes them by name::

    from sealer.testing.lab.fixtures import lab_nodes, lab_root, new_lab

They need root and fail without it: a test that could not run must not look as if it had passed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from sealer.testing.lab.abandoned import name_for_test, remove_abandoned
from sealer.testing.lab.lab import Lab
from sealer.testing.lab.programs import require_programs, require_root
from sealer.testing.lab.root import ensure_root
from sealer.testing.lab.state import Mode

__all__ = ["LabNodes", "lab_nodes", "lab_root", "module_lab_nodes", "new_lab", "package_lab_nodes"]


_numbers = itertools.count(1)


class LabNodes(Protocol):
    """What ``lab_nodes`` hands to a test."""

    def __call__(self, count: int, mode: Mode = "systemd", *, disk_size: int | None = None) -> Lab:
        """Return a lab of its own with that many running nodes."""


@pytest.fixture(scope="session")
def lab_root() -> Path:
    """Return the root below all nodes, which is built when it is missing.

    Also removes the labs of earlier runs of pytest that were killed.
    """
    require_root()
    require_programs()
    remove_abandoned()
    return ensure_root()


@pytest.fixture
def new_lab(lab_root: Path) -> Iterator[Callable[[], Lab]]:
    """Return a function that makes a lab without nodes; all are taken down after the test."""
    del lab_root
    yield from _labs()


@pytest.fixture
def lab_nodes(lab_root: Path) -> Iterator[LabNodes]:
    """Return a function that makes a lab with nodes; all are taken down after the test."""
    del lab_root
    for make in _labs():
        yield _with_nodes(make)


@pytest.fixture(scope="module")
def module_lab_nodes(lab_root: Path) -> Iterator[LabNodes]:
    """Return what ``lab_nodes`` does, for labs that the tests of a module share."""
    del lab_root
    for make in _labs():
        yield _with_nodes(make)


@pytest.fixture(scope="package")
def package_lab_nodes(lab_root: Path) -> Iterator[LabNodes]:
    """Return what ``lab_nodes`` does, for labs that all tests below the conftest module with it share."""
    del lab_root
    for make in _labs():
        yield _with_nodes(make)


def _labs() -> Iterator[Callable[[], Lab]]:
    """Yield a function that makes labs, which end with it."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Lab(name_for_test(next(_numbers))))


def _with_nodes(make: Callable[[], Lab]) -> LabNodes:
    def nodes(count: int, mode: Mode = "systemd", *, disk_size: int | None = None) -> Lab:
        lab = make()
        lab.up(count, mode, disk_size=disk_size)
        return lab

    return nodes
