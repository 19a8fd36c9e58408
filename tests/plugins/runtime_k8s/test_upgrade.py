"""How a Kubernetes cluster goes over to another version."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from sealer.changes import Command, Copy, Wait
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Step, Upgrade, at
from sealer.operation.plan import Plan, make_plan
from sealer_runtime_k8s.runtime import Kubernetes
from tests.plugins.kit import assert_parses, cluster, facts, host, image
from tests.shells import every_shell

# Keeps one annotation, as kubectl 1.34 does; it takes the dots of the name with a backslash alone.
KUBECTL = r"""#!/bin/sh
if [ "$1" = --kubeconfig ]; then shift 2; fi
if [ "$1" = --request-timeout=10s ]; then shift; fi
socket=kubeadm.alpha.kubernetes.io/cri-socket
case "$*" in
  "get node n4 -o jsonpath={.metadata.annotations.kubeadm\.alpha\.kubernetes\.io/cri-socket}")
    cat "$ANNOTATION" 2>/dev/null || : ;;
  "annotate --overwrite node n4 $socket="*) printf %s "${5#*=}" > "$ANNOTATION" ;;
  "drain n4 "* | "uncordon n4") ;;
  *) echo "unexpected: $*" >&2; exit 125 ;;
esac
"""

MASTERS = (host(1, MASTER), host(2, MASTER), host(3, MASTER))
NODES = (host(4), host(5), host(6))


def view(version: str = "v1.21.3", **over: Any) -> Cluster:
    return cluster(*MASTERS, *NODES, image=image(version, ()), **over)


def steps(previous: str = "v1.20.2", of: Cluster | None = None, **over: Any) -> dict[str, Step]:
    upgrade = Upgrade(previous=image(previous, ()), stamp="now", **over)
    return {step.id: step for step in Kubernetes().upgrade(of or view(), upgrade)}


def tied(found: dict[str, Step]) -> Plan:
    names = ("rootfs", "container-runtime", "registry-access")
    given = [at(name, member.name) for member in view().hosts for name in names]
    return make_plan(tuple(found.values()), given=given)


def commands(step: Step) -> str:
    return "\n".join(change.run for change in step.changes if isinstance(change, Command))


def test_every_script_parses() -> None:
    for step in steps().values():
        assert_parses(step)


def test_etcd_is_saved_before_anything_is_touched() -> None:
    plan = tied(steps())
    assert "kubernetes/snapshot@10.0.0.1" in plan.waits_for["kubernetes/drain/10.0.0.1@10.0.0.1"]
    assert plan.waits_for["kubernetes/snapshot@10.0.0.1"] == frozenset()
    outside = {"kind": "ClusterConfiguration", "etcd": {"external": {"endpoints": ["https://e:2379"]}}}
    assert "kubernetes/snapshot@10.0.0.1" not in steps(of=view(documents=(outside,)))


def test_masters_come_one_by_one_and_each_has_to_be_healthy_before_the_next() -> None:
    plan = tied(steps())
    for number in (1, 2, 3):
        name = f"10.0.0.{number}"
        assert plan.waits_for[f"kubernetes/upgrade@{name}"] == {f"kubernetes/drain/{name}@10.0.0.1"}
        assert plan.waits_for[f"kubernetes/healthy/{name}@10.0.0.1"] == {f"kubernetes/upgrade@{name}"}
    assert plan.waits_for["kubernetes/drain/10.0.0.3@10.0.0.1"] == {"kubernetes/healthy/10.0.0.2@10.0.0.1"}


def test_nodes_come_in_batches_each_of_which_has_to_be_healthy() -> None:
    plan = tied(steps(batch=2))
    first = {"kubernetes/healthy/10.0.0.3@10.0.0.1"}
    assert plan.waits_for["kubernetes/drain/10.0.0.4@10.0.0.1"] == first
    assert plan.waits_for["kubernetes/drain/10.0.0.5@10.0.0.1"] == first
    second = {"kubernetes/healthy/10.0.0.4@10.0.0.1", "kubernetes/healthy/10.0.0.5@10.0.0.1"}
    assert plan.waits_for["kubernetes/drain/10.0.0.6@10.0.0.1"] == second


def test_kubeadm_applies_on_the_first_master_and_follows_on_the_others() -> None:
    found = steps()
    assert "kubeadm upgrade apply v1.21.3 --yes" in commands(found["kubernetes/upgrade@10.0.0.1"])
    for number in (2, 4):
        text = commands(found[f"kubernetes/upgrade@10.0.0.{number}"])
        assert "kubeadm upgrade node" in text
        assert "upgrade apply" not in text
    waits = [c for c in found["kubernetes/upgrade@10.0.0.2"].changes if isinstance(c, Wait)]
    assert "--server=https://10.0.0.2:6443" in waits[0].until


def test_kubeadm_lets_old_control_groups_pass_where_the_user_tells_the_kubelet_to() -> None:
    said = ({"kind": "KubeletConfiguration", "failCgroupV1": False},)
    hosts = (host(1, MASTER, facts=facts(cgroup_version=1)), host(4, facts=facts("n4", cgroup_version=2)))
    of = cluster(*hosts, image=image("v1.35.4", ()), documents=said)
    found = steps("v1.34.4", of)
    first, node = (commands(found[f"kubernetes/upgrade@10.0.0.{number}"]) for number in (1, 4))
    assert "apply v1.35.4 --yes --ignore-preflight-errors=CreateJob,SystemVerification\n" in first
    assert "kubeadm upgrade node\n" in node


def test_programs_come_before_kubeadm_is_asked_and_go_before_the_kubelet_of_before_runs_again() -> None:
    changes = steps()["kubernetes/upgrade@10.0.0.4"].changes
    copies = [number for number, change in enumerate(changes) if isinstance(change, Copy)]
    runs = [number for number, change in enumerate(changes) if isinstance(change, Command)]
    keeping, upgrading = runs[0], runs[-1]
    assert keeping < min(copies) < max(copies) < upgrading
    assert "restart kubelet.service" in (changes[keeping].undo() or "")


def test_pods_of_an_only_host_stay_where_they_are() -> None:
    alone = cluster(host(1, MASTER), image=image("v1.21.3", ()))
    drain = steps(of=alone)["kubernetes/drain/10.0.0.1@10.0.0.1"]
    assert " cordon " in commands(drain)
    assert " drain " not in commands(drain)
    assert "left=77\n" in commands(steps(drain_seconds=77)["kubernetes/drain/10.0.0.4@10.0.0.1"])


@every_shell
@pytest.mark.parametrize("socket", ["unix:///run/containerd/containerd.sock", ""])
def test_the_annotation_that_a_newer_kubeadm_takes_away_comes_back(
    tmp_path: Path, shell: tuple[str, ...], socket: str
) -> None:
    kubectl, annotation, entry = (tmp_path / name for name in ("kubectl", "annotation", "entry"))
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    entry.mkdir()
    if socket:
        annotation.write_text(socket)
    (drain,) = steps()["kubernetes/drain/10.0.0.4@10.0.0.1"].changes
    assert isinstance(drain, Command)

    def run(script: str) -> None:
        text = f"set -eu\n{script.replace('/usr/bin/kubectl', str(kubectl))}"
        known = {"entry": str(entry), "ANNOTATION": str(annotation), "PATH": "/usr/bin:/bin"}
        subprocess.run([*shell, "-c", text], env=known, check=True, timeout=60)

    run(drain.run)
    annotation.unlink(missing_ok=True)
    run(drain.run)  # resumed, when kubeadm has been there
    run(drain.revert)
    assert (annotation.read_text() if annotation.exists() else "") == socket


@every_shell
@pytest.mark.parametrize("had", [True, False])
def test_the_settings_of_a_kubelet_come_back_and_what_it_did_not_have_goes(
    tmp_path: Path, shell: tuple[str, ...], had: bool
) -> None:
    kubelet, kept = tmp_path / "kubelet", tmp_path / "kept"
    kubelet.mkdir()
    before = {"config.yaml": "a: 1", "kubeadm-flags.env": "FLAGS=--v=2"} | (
        {"instance-config.yaml": "b: 1"} if had else {}
    )
    for name, text in before.items():
        (kubelet / name).write_text(text)
    found = steps()["kubernetes/upgrade@10.0.0.4"].changes
    keeping, *_, upgrading = (change for change in found if isinstance(change, Command))

    def run(script: str) -> None:
        text = script.replace("/var/lib/kubelet", str(kubelet))
        text = text.replace("/var/lib/sealer/demo/kubeadm/before-now", str(kept))
        subprocess.run([*shell, "-c", f"set -eu\n{text}"], check=True, timeout=60)

    run(keeping.run)
    for name in ("config.yaml", "kubeadm-flags.env", "instance-config.yaml"):
        (kubelet / name).write_text("of the new version")
    run(upgrading.revert)
    assert {path.name: path.read_text() for path in kubelet.iterdir()} == before


@pytest.mark.parametrize(
    ("previous", "version", "message"),
    [
        ("v1.20.2", "v1.22.0", "one minor version at a time"),
        ("v1.20.2", "v1.20.2", "runs Kubernetes v1.20.2 already"),
        ("v1.21.3", "v1.20.9", "there is no way back"),
        ("v1.20.9", "v1.20.2", "there is no way back"),
    ],
)
def test_ways_that_kubeadm_can_not_go_are_refused(previous: str, version: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        steps(previous, of=view(version))


@pytest.mark.parametrize(("previous", "version"), [("v1.20.2", "v1.20.15"), ("v1.20.15", "v1.21.0")])
def test_patches_and_the_next_minor_version_can_be_reached(previous: str, version: str) -> None:
    assert steps(previous, of=view(version))
