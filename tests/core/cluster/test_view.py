"""From what the user wrote and what was observed to what providers see."""

from __future__ import annotations

import pytest

from sealer.cluster.view import bare_view
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from tests.core.cluster.examples import facts


@pytest.mark.parametrize(
    ("written", "observed", "address"),
    [
        ("192.0.2.1", "10.0.0.1", "192.0.2.1"),
        ("2001:db8::1", "10.0.0.1", "2001:db8::1"),
        ("n1.example.org", "10.0.0.1", "10.0.0.1"),
        ("n1.example.org", "", "n1.example.org"),  # which a check refuses
    ],
)
def test_a_name_becomes_the_address_that_the_host_was_reached_at(
    written: str, observed: str, address: str
) -> None:
    clusterfile = Clusterfile(cluster=cluster_from_flags(written))
    (host,) = bare_view(clusterfile, {written: facts(address=observed)}).hosts
    assert (host.name, host.address) == (written, address)
