"""Checks that the image of a cluster with Kubernetes brings."""

from __future__ import annotations

import pytest

from sealer.testing.lab import Lab
from tests.lab.checks.faults import KUBERNETES_FAULTS, UNFIT, Fault
from tests.lab.checks.judging import check, made, require_found
from tests.lab.images import CLUSTER_IMAGE
from tests.lab.operator import Operator

pytestmark = pytest.mark.lab


@pytest.mark.kubernetes
def test_fresh_machines_are_fit_for_the_cluster_image(user: Operator, lab: Lab) -> None:
    assert check(user.trusting(lab), CLUSTER_IMAGE) == []


@pytest.mark.kubernetes
@pytest.mark.parametrize("fault", KUBERNETES_FAULTS, ids=lambda fault: fault.check)
def test_a_fault_that_matters_to_the_image_is_found(fault: Fault, user: Operator, lab: Lab) -> None:
    person = user.trusting(lab)
    with made(fault, lab):
        found = check(person, CLUSTER_IMAGE, code=UNFIT)
        flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
        refused = person.sealer("run", CLUSTER_IMAGE, *flags, code=UNFIT)
    require_found(fault, lab, found)
    assert fault.check in refused.stderr


@pytest.mark.kubernetes
def test_a_check_that_is_ignored_stops_nothing(user: Operator, lab: Lab) -> None:
    person = user.trusting(lab)
    with made(KUBERNETES_FAULTS[0], lab):
        flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
        person.sealer("plan", CLUSTER_IMAGE, *flags, "--ignore", "ports-reachable")
        person.sealer("plan", CLUSTER_IMAGE, *flags, code=UNFIT)
