"""Hosts that lose their power or are out of reach, and links that are cut or slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.faults.apart import CASES, Case, OutOfReach

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, lab_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Case | OutOfReach, Future[None]]]:
    """Return what comes of each case that was chosen; all are begun at once."""
    del lab_root
    chosen = {item.name for item in request.session.items}
    with ThreadPoolExecutor(len(CASES)) as pool:
        yield {
            one: pool.submit(one.attempt, number, tmp_path_factory.mktemp("case"))
            for number, one in enumerate(CASES)
            if any(name.endswith(f"[{one}]") for name in chosen)
        }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_host_that_is_off_or_hard_to_reach(
    outcomes: Mapping[Case | OutOfReach, Future[None]], case: Case | OutOfReach
) -> None:
    outcomes[case].result()
