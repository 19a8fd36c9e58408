"""Hosts that lose their power, and links that are cut or slow."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.lab.faults.apart import CASES, Case

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault}@{case.host}")
def test_a_host_that_is_off_or_hard_to_reach(outcomes: Mapping[Case, Future[None]], case: Case) -> None:
    outcomes[case].result()
