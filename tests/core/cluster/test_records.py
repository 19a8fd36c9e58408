"""What is written down of clusters and operations."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sealer.cluster.kubeconfig import point_to
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.removal_plan import REMOVALS, removal_plan
from sealer.cluster.request import ImageChoice, Request
from sealer.cluster.state import choose_cluster, choose_recorded, forget_state, load_state, save_state
from sealer.clusterfile import Clusterfile, ClusterSpec, HostSpec, SshSpec
from sealer.errors import OperationLocked, SealerError, UsageError
from sealer.operation.journal import Journal
from sealer.operation.records import TAKING_BACK, ClusterRecords
from sealer.secret import Secret

from .examples import facts


def request() -> Request:
    spec = ClusterSpec(
        name="c1",
        hosts=(
            HostSpec(address="10.0.0.1", roles=("master",)),
            HostSpec(address="10.0.0.2", roles=("node",), ssh=SshSpec(port=2222)),
        ),
        ssh=SshSpec(password=Secret("hunter2")),
        env={"A": "$b ${c}"},
    )
    return Request(
        clusterfile=Clusterfile(cluster=spec),
        image=ImageChoice(
            reference="acme:v1",
            digests={"10.0.0.1": "sha256:a", "10.0.0.2": "sha256:a"},
            served=("x.example/app:1",),
        ),
        facts={"10.0.0.1": facts(answers={"x": "y\nz"}), "10.0.0.2": facts()},
        choice=LaunchChoice(apps=("web",)),
    )


def test_a_request_is_read_as_it_was_written_but_for_secrets() -> None:
    text = json.dumps(request().to_plain())
    assert "hunter2" not in text
    again = Request.from_plain(json.loads(text), "record")
    assert again.facts == request().facts
    assert again.image == request().image
    assert again.choice == request().choice
    assert again.clusterfile.cluster.env == {"A": "$b ${c}"}
    assert [host.address for host in again.clusterfile.cluster.hosts] == ["10.0.0.1", "10.0.0.2"]
    assert Request.from_plain(again.to_plain(), "record") == again


def test_a_damaged_record_is_one_clear_error() -> None:
    with pytest.raises(SealerError, match="damaged"):
        Request.from_plain({"clusterfile": "x"}, "record")


def test_a_cluster_is_remembered_until_it_is_forgotten(tmp_path: Path) -> None:
    records = ClusterRecords(tmp_path, "c1")
    with pytest.raises(UsageError, match="which cluster"):
        choose_cluster(tmp_path, None)
    save_state(records, request())
    assert choose_cluster(tmp_path, None).cluster == "c1"
    with pytest.raises(UsageError, match="not known"):
        choose_cluster(tmp_path, "c2")
    assert (records.directory / "cluster.json").stat().st_mode & 0o077 == 0
    assert load_state(records) is not None
    forget_state(records)
    assert load_state(records) is None


def test_the_records_of_a_cluster_that_is_gone_are_found(tmp_path: Path) -> None:
    for name in ("c1", "c2"):
        save_state(ClusterRecords(tmp_path, name), request())
        forget_state(ClusterRecords(tmp_path, name))
        if name == "c1":
            assert choose_recorded(tmp_path, None).cluster == "c1"
    assert choose_recorded(tmp_path, "c1").cluster == "c1"
    with pytest.raises(UsageError, match="there were c1, c2"):
        choose_recorded(tmp_path, None)
    with pytest.raises(UsageError, match="c3 is not known"):
        choose_recorded(tmp_path, "c3")
    save_state(ClusterRecords(tmp_path, "c2"), request())
    assert choose_recorded(tmp_path, None).cluster == "c2"


def test_what_takes_things_back_is_gone_on_with_and_not_rolled_back(tmp_path: Path) -> None:
    assert TAKING_BACK == REMOVALS
    for verb in ("run", *REMOVALS):
        records = ClusterRecords(tmp_path, f"of-{verb}")
        records.begin(verb, {})
        with pytest.raises(OperationLocked) as caught:
            records.require_none_open()
        hint = caught.value.hint or ""
        assert "sealer resume" in hint
        assert ("operations rollback" in hint) == (verb == "run")


def test_an_open_operation_is_named_when_a_second_one_is_begun(tmp_path: Path) -> None:
    records = ClusterRecords(tmp_path, "c1")
    first = records.begin("run", {})
    with pytest.raises(OperationLocked, match=first.id):
        records.begin("run", {})
    with Journal(first.journal) as journal:
        journal.finished("done")
    assert records.begin("delete", {"x": 1}).request == {"x": 1}


def test_a_process_that_holds_the_cluster_is_named_and_its_death_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sealer.operation.records import ClusterRecords\n"
        f"with ClusterRecords(Path({str(tmp_path)!r}), 'c1').lock('run'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    records = ClusterRecords(tmp_path, "c1")
    with pytest.raises(OperationLocked, match=f"process {process.pid}"), records.lock("delete"):
        pass
    process.kill()
    process.communicate()
    with records.lock("delete"):
        pass


def test_a_deletion_needs_nothing_but_the_hosts() -> None:
    plan = removal_plan(request())
    assert [step.host for step in plan.steps] == ["10.0.0.1", "10.0.0.2"]
    assert all(not needed for needed in plan.waits_for.values())


def test_a_kubeconfig_is_pointed_to_an_address() -> None:
    text = "clusters:\n- name: k\n  cluster: {server: 'https://apiserver.local:6443'}\n"
    assert (
        yaml.safe_load(point_to(text, "10.0.0.1"))["clusters"][0]["cluster"]["server"]
        == "https://10.0.0.1:6443"
    )
    assert "https://[fd00::1]:6443" in point_to(text, "fd00::1")
    with pytest.raises(SealerError, match="is none"):
        point_to("hello", "10.0.0.1")


def test_an_operation_comes_behind_those_on_record_whatever_the_clock_says(tmp_path: Path) -> None:
    records = ClusterRecords(tmp_path, "c1")
    ids = []
    for number in range(3):
        operation = records.begin("run" if number % 2 == 0 else "delete", request().to_plain())
        with Journal(operation.journal) as journal:
            journal.finished("done")
        ids.append(operation.id)
    assert sorted(ids) == ids
    late = operation.directory.with_name("20991231-235959-run-ffff")
    operation.directory.rename(late)
    after = records.begin("delete", request().to_plain())
    assert after.id.startswith("21000101-000000-delete-")
    assert records.open_operation() == after
