"""Taking back from hosts that are the wrong ones, or not the ones they were."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sealer.cli.program import run
from sealer.cluster.gone_hosts import say_without_gone, still_there
from sealer.cluster.removal import require_none_to_finish
from sealer.cluster.removal_plan import RESET
from sealer.cluster.request import Request
from sealer.cluster.state import save_state
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from sealer.errors import (
    ChangeFailed,
    HostError,
    HostKeyRejected,
    HostsFailed,
    HostUnreachable,
    OperationLocked,
)
from sealer.operation.records import ClusterRecords


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterRecords:
    monkeypatch.setenv("SEALER_HOME", str(tmp_path))
    return ClusterRecords(tmp_path, "my-cluster")


def plain() -> dict[str, object]:
    spec = cluster_from_flags("192.0.2.1", "")
    return dict(Request.of_hosts(Clusterfile(cluster=spec)).to_plain())


def of_hosts(nodes: str) -> Request:
    return Request.of_hosts(Clusterfile(cluster=cluster_from_flags("192.0.2.1", nodes)))


def test_a_host_that_left_since_is_not_brought_back_by_a_rollback(records: ClusterRecords) -> None:
    before = of_hosts("192.0.2.2,192.0.2.3")
    assert still_there(records, before) == before
    records.directory.mkdir(parents=True)
    save_state(records, of_hosts("192.0.2.2,192.0.2.4"))
    found = still_there(records, before).clusterfile.cluster
    assert [host.address for host in found.hosts] == ["192.0.2.1", "192.0.2.2"]
    (records.directory / "cluster.json").write_text("{")
    assert still_there(records, before) == before


def test_a_reset_that_can_not_come_to_its_end_stands_in_no_other_ones_way(records: ClusterRecords) -> None:
    records.begin(RESET, plain())
    require_none_to_finish(records)


def test_what_can_be_gone_on_with_is_not_reset_away(records: ClusterRecords) -> None:
    records.begin("run", plain())
    with pytest.raises(OperationLocked):
        require_none_to_finish(records)


def test_a_reset_of_hosts_none_of_which_can_be_reached_leaves_nothing_open(
    records: ClusterRecords, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert run(["reset", "--hosts", "127.0.0.1", "--port", port, "--yes"]) == 1
    assert "127.0.0.1: " in capsys.readouterr().err
    assert records.operations() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hosts", "192.0.2.1,192.0.2.1-192.0.2.2"], "--hosts: 192.0.2.1 is given twice"),
        (["--hosts", "192.0.2.1", "--data-root", "home"], "--data-root: home must be an absolute path"),
        (["--hosts", "192.0.2.1", "--data-root", "/srv/.."], "--data-root: /srv/.. must be an absolute path"),
        (["--hosts", "192.0.2.1", "--data-root", "/"], "--data-root: / must be an absolute path"),
        ([], "no hosts are given"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    records: ClusterRecords, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reset", *words, "--yes"]) == 2
    assert said in capsys.readouterr().err
    assert not records.directory.exists()


@pytest.mark.parametrize(
    ("failure", "gone"),
    [
        (HostUnreachable("no route", host="n1"), True),
        (HostKeyRejected("another machine", host="n1"), True),
        (ChangeFailed("no", host="n1"), False),
    ],
)
def test_the_way_on_without_a_host_is_told_where_it_is_gone_or_another_one(
    failure: HostError, gone: bool
) -> None:
    error = HostsFailed("1 of 2", failures={"take-back@n1": failure}, hint="go on with: sealer resume")
    say_without_gone(error, "sealer delete --all --force")
    assert error.hint is not None
    assert ("without hosts that are gone: sealer delete --all --force" in error.hint) is gone
