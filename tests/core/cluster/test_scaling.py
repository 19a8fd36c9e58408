"""What a cluster is with further hosts, and without some."""

from __future__ import annotations

import pytest

from sealer.cluster.leaving import Leaving, require_removable
from sealer.cluster.scaling import enlarged
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from sealer.errors import UsageError

BEFORE = Clusterfile(
    cluster=cluster_from_flags("192.0.2.1", "192.0.2.2", user="ann", env=("A=1", "B=1"), name="demo")
)


def test_new_hosts_stand_behind_those_that_are_there() -> None:
    after = enlarged(BEFORE, cluster_from_flags("192.0.2.3", "192.0.2.4")).cluster
    assert [host.address for host in after.masters] == ["192.0.2.1", "192.0.2.3"]
    assert [host.address for host in after.nodes] == ["192.0.2.2", "192.0.2.4"]
    assert after.name == "demo"


def test_the_log_in_that_is_named_is_that_of_new_hosts() -> None:
    named = cluster_from_flags("", "192.0.2.3", user="bob", port=2222)
    after = enlarged(BEFORE, named).cluster
    assert {host.address: after.ssh_of(host).user for host in after.hosts} == {
        "192.0.2.1": "ann",
        "192.0.2.2": "ann",
        "192.0.2.3": "bob",
    }
    assert after.ssh.port is None


def test_environment_is_that_of_the_cluster() -> None:
    after = enlarged(BEFORE, cluster_from_flags("", "192.0.2.3", env=("B=2", "C=3")))
    assert after.cluster.env == {"A": "1", "B": "2", "C": "3"}


def test_hosts_that_are_there_are_passed_over() -> None:
    after = enlarged(BEFORE, cluster_from_flags("", "192.0.2.2,192.0.2.3")).cluster
    assert len(after.hosts) == 3
    with pytest.raises(UsageError, match="no host is new to cluster demo"):
        enlarged(BEFORE, cluster_from_flags("192.0.2.1"))


def test_hosts_of_another_ip_family_are_refused() -> None:
    with pytest.raises(UsageError, match="fd00::1"):
        enlarged(BEFORE, cluster_from_flags("", "fd00::1"))


def test_what_is_known_may_leave() -> None:
    spec = enlarged(BEFORE, cluster_from_flags("192.0.2.3")).cluster
    require_removable(spec, Leaving(masters=("192.0.2.1",), nodes=("192.0.2.2",)))


@pytest.mark.parametrize(
    ("leaving", "message"),
    [
        (Leaving(nodes=("192.0.2.9",)), "has no host 192.0.2.9"),
        (Leaving(nodes=("192.0.2.1",)), "no node but a master"),
        (Leaving(masters=("192.0.2.2",)), "no master but a node"),
        (Leaving(masters=("192.0.2.1",)), "no master of cluster demo would stay"),
    ],
)
def test_what_can_not_be_meant_is_refused(leaving: Leaving, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        require_removable(BEFORE.cluster, leaving)
