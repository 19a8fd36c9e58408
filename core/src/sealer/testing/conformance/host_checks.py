"""The contract of host checks that belong to no runtime."""

from __future__ import annotations

from typing import Any

import pytest

from sealer.providers import HostChecks
from sealer.testing.conformance.hosts import HostContract, bare_cluster, judge_one
from sealer.testing.examples import example_cluster


class HostChecksContract(HostContract):
    """What ``sealer_checks`` provides: checks that are also made without an image."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the host checks to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the host checks")

    def test_it_brings_checks(self, provider: HostChecks) -> None:
        """There is no other use for it."""
        assert list(provider.checks(example_cluster()))

    def test_checks_that_need_no_image_bear_that_there_is_none(self, provider: HostChecks) -> None:
        """``sealer check`` can look at hosts before anybody thought of an image, or of masters."""
        cluster = bare_cluster()
        for check in provider.checks(cluster):
            if not check.needs_image:
                judge_one(check, cluster)
