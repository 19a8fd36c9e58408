"""Kinds of operations: whatever is begun can be gone on with, as what it was."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import sealer.cluster
from sealer.cluster.kinds import Kind
from sealer.cluster.operations import kind_of
from sealer.operation.records import Asked, Operation


def kinds() -> list[Kind]:
    """Return all kinds that any module of the part defines."""
    names = [module.name for module in pkgutil.iter_modules(sealer.cluster.__path__)]
    modules = [importlib.import_module(f"sealer.cluster.{name}") for name in names]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Kind)]
    return list({kind.verb: kind for kind in found}.values())


def operation(verb: str) -> Operation:
    return Operation(
        id="1", verb=verb, cluster="c", directory=Path("/nowhere"), asked=Asked(request={}, before=None)
    )


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.verb)
def test_an_operation_is_gone_on_with_as_what_it_was_begun(kind: Kind) -> None:
    assert kind_of(operation(kind.verb)) is kind


def test_applications_come_and_go_as_an_installation_does() -> None:
    verbs = ("run", "upgrade-app", "uninstall")
    assert {kind_of(operation(verb)).verb for verb in verbs} == {"run"}


def test_no_two_kinds_share_a_verb_and_there_are_some() -> None:
    assert len(kinds()) >= 7
