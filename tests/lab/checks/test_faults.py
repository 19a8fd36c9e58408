"""Host checks on real machines: one fault after the other is made there, found, and taken away again."""

from __future__ import annotations

import pytest

from sealer.testing.lab import Lab, compare, snapshot
from tests.lab.checks.faults import FAULTS, Fault
from tests.lab.checks.judging import check, made, require_found
from tests.lab.operator import Operator

pytestmark = pytest.mark.lab


def test_fresh_machines_are_fit_and_checking_leaves_nothing(person: Operator, lab: Lab) -> None:
    before = {node.name: snapshot(node) for node in lab.nodes}
    assert check(person) == []
    assert {node.name: compare(before[node.name], snapshot(node)) for node in lab.nodes} == dict.fromkeys(
        before, ()
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_a_fault_is_found(fault: Fault, person: Operator, lab: Lab) -> None:
    with made(fault, lab):
        found = check(person, code=fault.exit_code)
    require_found(fault, lab, found)
