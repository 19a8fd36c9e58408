"""A cluster as it is: as plain data, in words, and what of its plan can be compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sealer.changes import Command, File, Output
from sealer.cli.status import status_lines
from sealer.cluster.certificates import Certificate
from sealer.cluster.drift import comparable
from sealer.cluster.outlook import PlannedChange, PlannedStep
from sealer.cluster.request import ImageChoice, Request
from sealer.cluster.status_report import Drift, NewestOperation, RegistryStatus, Status
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from sealer.model import Step
from sealer.operation.plan import make_plan

NOW = datetime(2030, 1, 1, tzinfo=UTC)
REQUEST = Request(
    clusterfile=Clusterfile(cluster=cluster_from_flags("10.0.0.1", "10.0.0.2")),
    image=ImageChoice(reference="cluster:v1", digests={}),
)
DONE = NewestOperation(id="20300101-run", verb="run", state="done", begun=4, done=4, log="/log")


def node(address: str, *, ready: str = "True", version: str = "v1.20.2", cordoned: bool = False) -> Any:
    return {
        "metadata": {"name": f"n{address[-1]}"},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"kubeletVersion": version, "containerRuntimeVersion": "containerd://1.6"},
        },
    }


def certificate(days: int) -> Certificate:
    ends = datetime.fromtimestamp(NOW.timestamp() + days * 86400 + 3600, UTC)
    return Certificate(
        host="10.0.0.1",
        file=f"/pki/{days}.crt",
        subject="CN=x",
        names=(),
        authority=False,
        begins=NOW,
        ends=ends,
    )


HEALTHY = Status(
    request=REQUEST,
    operation=DONE,
    version="v1.20.2",
    server="v1.20.2",
    hosts={"10.0.0.1": "", "10.0.0.2": ""},
    nodes=(node("10.0.0.1"), node("10.0.0.2")),
    apps=(),
    certificates=(certificate(300), certificate(90)),
    registry=RegistryStatus(address="sea.hub:5000", hosts={"10.0.0.1": "", "10.0.0.2": ""}),
    drift=Drift(steps=(), unknown=()),
)


def lines(status: Status) -> str:
    return "\n".join(status_lines(status.to_plain(NOW)))


def test_a_registry_with_its_caches_and_one_outside() -> None:
    inside = RegistryStatus(
        address="sea.hub:5000", hosts={"10.0.0.1": ""}, caches={"docker.io": "cache.sea.hub:5010"}
    )
    said = lines(replace(HEALTHY, registry=inside))
    assert "registry   sea.hub:5000 answers all hosts\n           docker.io is cached at cache" in said
    found = RegistryStatus(address="r.example", hosts={"10.0.0.1": "", "10.0.0.2": ""}, outside="")
    assert "registry   r.example outside, answers\n" in lines(replace(HEALTHY, registry=found))
    found = replace(found, hosts={"10.0.0.1": "", "10.0.0.2": "it is unknown"}, outside="wrong password")
    said = lines(replace(HEALTHY, registry=found))
    assert "registry   r.example outside, wrong password\n           10.0.0.2: it is unknown\n" in said


def test_a_healthy_cluster() -> None:
    said = lines(HEALTHY)
    assert "operation  20300101-run (done)" in said
    assert "version    v1.20.2\n" in said
    assert "registry   sea.hub:5000 answers all hosts" in said
    assert "certificates: 2, the first ends in 90 days" in said
    assert "drift: none" in said
    assert "not known" not in said


def test_an_installation_that_was_cut_off_names_the_operation_and_what_goes_on_with_it() -> None:
    cut = replace(DONE, state=None, done=1)
    said = lines(replace(HEALTHY, operation=cut, drift=None, problems=("drift: an operation is open",)))
    assert "20300101-run (open: sealer resume my-cluster goes on with it)" in said
    assert "1 of 4 steps that were begun are done; log: /log" in said
    assert "not known:\n  drift: an operation is open" in said


def test_hosts_that_cannot_be_reached_are_told_beside_the_others() -> None:
    status = replace(
        HEALTHY,
        hosts={"10.0.0.1": "", "10.0.0.2": "10.0.0.2: no route"},
        nodes=(node("10.0.0.1"), node("10.0.0.2", ready="Unknown")),
        drift=Drift(steps=(), unknown=("10.0.0.2",)),
    )
    plain = status.to_plain(NOW)
    assert [(host["reachable"], host["ready"]) for host in plain["hosts"]] == [
        ("yes", "Ready"),
        ("10.0.0.2: no route", "Unknown"),
    ]
    said = lines(status)
    assert "drift is not known in full of 10.0.0.2" in said
    (row,) = (line for line in said.splitlines() if line.startswith("10.0.0.2 "))
    assert row.split()[2] == "no"
    assert "\n10.0.0.2: 10.0.0.2: no route\n" in said


def test_nothing_known_but_the_hosts() -> None:
    bare = Status(
        request=REQUEST, operation=None, hosts={"10.0.0.1": "gone", "10.0.0.2": "gone"}, problems=("a: b",)
    )
    plain = bare.to_plain(NOW)
    assert plain["api"] == "does not answer"
    assert [plain[name] for name in ("apps", "certificates", "registry", "drift")] == [None] * 4
    assert "operation  - (none on record)" in lines(bare)


def test_certificates_that_end_soon_are_named() -> None:
    said = lines(replace(HEALTHY, certificates=(certificate(300), certificate(12), certificate(-3))))
    assert "the first ends in -3 days" in said
    assert "/pki/12.crt" in said
    assert "/pki/300.crt" not in said


def test_versions_that_are_not_those_of_the_image_are_told() -> None:
    said = lines(replace(HEALTHY, nodes=(node("10.0.0.1"), node("10.0.0.2", version="v1.19.0"))))
    assert "version    v1.20.2 (the image has v1.20.2; other versions on 10.0.0.2)" in said


@pytest.mark.parametrize(
    ("release", "told", "same"),
    [
        ("v1.36.3+k0s.0", "v1.36.3+k0s", True),
        ("v1.36.3+k0s.0", "v1.36.3", True),
        ("v1.36.3+k0s.0", "v1.36.2+k0s", False),
        ("v1.36.3+k0s.10", "v1.36.3+k0s.1", False),
        ("v1.21.3+k3s1", "v1.21.3+k3s2", False),
        ("v1.36.3-rc.1", "v1.36.3", False),
    ],
)
def test_a_node_may_say_less_of_its_build_than_the_image(release: str, told: str, same: bool) -> None:
    nodes = tuple(node(name, version=told) for name in ("10.0.0.1", "10.0.0.2"))
    said = lines(replace(HEALTHY, version=release, server=told, nodes=nodes))
    assert (f"the image has {release}; other versions on 10.0.0.1, 10.0.0.2" not in said) is same


def test_a_cordoned_node_and_a_registry_that_does_not_answer_someone() -> None:
    status = replace(
        HEALTHY,
        nodes=(node("10.0.0.1"), node("10.0.0.2", cordoned=True)),
        registry=RegistryStatus(address="sea.hub:5000", hosts={"10.0.0.1": "", "10.0.0.2": "expired"}),
    )
    assert "Ready, cordoned" in lines(status)
    assert "sea.hub:5000 is not well for 1 of 2 hosts\n           10.0.0.2: expired" in lines(status)


def test_drift_is_told_change_by_change() -> None:
    change = PlannedChange(change="file /etc/x", reason="the content differs")
    step = PlannedStep(step="s", title="t", host="10.0.0.2", changes=(change,))
    said = lines(replace(HEALTHY, drift=Drift(steps=(step,), unknown=())))
    assert "drift: 1 change;" in said
    assert "  10.0.0.2  file /etc/x: the content differs" in said


def test_what_needs_a_value_of_a_lost_host_is_not_compared() -> None:
    token = Command(title="token", run="true", creates="/t", yields=(Output(key="t", script="cat /t"),))
    make = Step(id="make", title="make", host="a", changes=(token,), provides=("made",))
    use = Step(
        id="use",
        title="use",
        host="b",
        changes=(File(path="/u", content=str(make.value("t"))),),
        requires=("made",),
    )
    after = Step(id="after", title="after", host="b", changes=(), requires=("made",))
    plan = make_plan([make, use, after])
    assert [step.id for step in comparable(plan, frozenset({"a", "b"})).steps] == ["make", "use", "after"]
    rest = comparable(plan, frozenset({"b"}))
    assert [step.id for step in rest.steps] == ["after"]
    assert rest.waits_for == {"after": frozenset()}
