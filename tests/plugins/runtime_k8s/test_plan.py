"""The steps that Kubernetes declares, and how core ties them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Change, Command, Module, OwnedPath, Sysctl, Unit
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Step, at
from sealer.operation.plan import Plan, make_plan
from sealer_runtime_k8s import sealer_base_recipes, sealer_cluster_runtimes
from sealer_runtime_k8s.runtime import Kubernetes
from tests.plugins.kit import assert_golden, assert_parses, cluster, facts, host, plan_text

DIRECTORY = Path(__file__).parent


def steps(view: Cluster) -> list[Step]:
    runtime = Kubernetes()
    return [*runtime.create(view), *runtime.join(view, view.hosts[1:])]


def tied(view: Cluster) -> Plan:
    names = ("rootfs", "container-runtime", "registry-access")
    return make_plan(steps(view), given=[at(name, member.name) for member in view.hosts for name in names])


def test_the_plugin_provides_the_runtime_and_its_recipe_by_one_name() -> None:
    assert [runtime.name for runtime in sealer_cluster_runtimes()] == ["kubernetes"]
    assert [recipe.name for recipe in sealer_base_recipes()] == ["kubernetes"]


def test_the_plan_of_a_master_and_a_node_is_as_it_was_agreed() -> None:
    view = cluster(host(1, MASTER), host(2, labels={"disk": "fast"}, taints=("dedicated=web:NoSchedule",)))
    assert_golden(DIRECTORY / "plan.golden.yaml", plan_text(steps(view)))


def test_every_script_of_the_plan_parses() -> None:
    for step in steps(cluster(host(1, MASTER), host(2, MASTER), host(3))):
        assert_parses(step)


def test_core_can_tie_the_steps() -> None:
    plan = tied(cluster())
    provided = {name for step in plan.steps for name in step.provides}
    assert {"api", "member@10.0.0.1", "member@10.0.0.2", "member@10.0.0.3"} <= provided


def test_nodes_do_not_wait_for_one_another() -> None:
    plan = tied(cluster())
    for waits, other in (("10.0.0.2", "10.0.0.3"), ("10.0.0.3", "10.0.0.2")):
        needed = plan.waits_for[f"kubernetes/join@{waits}"]
        assert not [step for step in needed if step.endswith(other)]
        assert "kubernetes/token@10.0.0.1" in needed


def test_hosts_are_prepared_while_the_control_plane_starts() -> None:
    plan = tied(cluster())
    assert plan.waits_for["kubernetes/prepare@10.0.0.2"] == frozenset()


def test_masters_join_one_after_the_other() -> None:
    plan = tied(cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4)))
    assert "kubernetes/join@10.0.0.2" in plan.waits_for["kubernetes/join@10.0.0.3"]
    assert "kubernetes/join@10.0.0.3" not in plan.waits_for["kubernetes/join@10.0.0.4"]
    assert "kubernetes/certificates@10.0.0.1" in plan.waits_for["kubernetes/join@10.0.0.2"]


def test_a_cluster_of_one_makes_no_token() -> None:
    plan = tied(cluster(host(1, MASTER)))
    assert [step.id for step in plan.steps] == [
        "kubernetes/prepare@10.0.0.1",
        "kubernetes/init@10.0.0.1",
        "kubernetes/mark/10.0.0.1@10.0.0.1",
    ]


def test_without_registry_and_container_runtime_nothing_waits_for_them() -> None:
    view = cluster(registry=None, container_runtime=None)
    plan = make_plan(steps(view), given=[at("rootfs", member.name) for member in view.hosts])
    assert len(plan.steps) == len(steps(view))


def test_secrets_are_secret_and_used_by_joining_hosts_alone() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3))
    planned = {step.id: step for step in steps(view)}
    token = planned["kubernetes/token@10.0.0.1"]
    key = planned["kubernetes/certificates@10.0.0.1"].value("key")
    assert token.value("token").secret
    assert key.secret
    assert not token.value("authority").secret
    users = {identity for identity, step in planned.items() if (token.id, "token") in step.uses()}
    assert users == {"kubernetes/join@10.0.0.2", "kubernetes/join@10.0.0.3"}
    holders = {identity for identity, step in planned.items() if (key.step, key.key) in step.uses()}
    assert holders == {"kubernetes/join@10.0.0.2"}


def test_no_undo_and_no_description_holds_a_value() -> None:
    marks = "\ue000\ue001"
    for step in steps(cluster(host(1, MASTER), host(2, MASTER), host(3))):
        for change in step.changes:
            assert not set(marks) & set(f"{change.describe()}{change.undo() or ''}{change.key}")


def changes_of(view: Cluster) -> tuple[Change, ...]:
    return next(iter(Kubernetes().create(view))).changes


def test_only_modules_that_must_be_loaded_are_loaded() -> None:
    modules = [change.name for change in changes_of(cluster()) if isinstance(change, Module)]
    assert modules == ["br_netfilter"]


def test_a_host_without_the_bridge_filter_gets_none_of_its_parameters() -> None:
    answers = {"kubernetes/modules": "overlay loaded\nbr_netfilter absent"}
    view = cluster(host(1, MASTER, facts=facts(answers=answers)))
    names = [c.name for c in changes_of(view) if isinstance(c, Sysctl) and c.value is not None]
    assert names == ["net.ipv4.ip_forward"]


def test_ip_version_6_is_forwarded_where_pods_use_it() -> None:
    view = cluster(env={"PodCIDR": "172.20.0.0/16,fd01::/48"})
    names = [c.name for c in changes_of(view) if isinstance(c, Sysctl) and c.value is not None]
    assert "net.ipv6.conf.all.forwarding" in names


def test_claims_stand_before_the_kubelet() -> None:
    kinds = [type(change) for change in changes_of(cluster())]
    last_claim = max(number for number, kind in enumerate(kinds) if kind is OwnedPath)
    assert last_claim < kinds.index(Unit)


def test_an_endpoint_of_the_users_own_is_not_written_into_hosts_files() -> None:
    document = {"kind": "ClusterConfiguration", "controlPlaneEndpoint": "api.example.com:6443"}
    text = plan_text(steps(cluster(documents=(document,))))
    assert "HostsEntry" not in text
    assert "https://api.example.com:6443" in text


def test_what_can_not_work_is_refused_while_planning() -> None:
    with pytest.raises(PlanError):
        steps(cluster(env={"PodCIDR": "10.96.0.0/12"}))
    with pytest.raises(PlanError):
        steps(cluster(host(1, MASTER, taints=("nonsense",))))


def test_init_and_join_can_be_taken_back() -> None:
    for step in steps(cluster()):
        for change in step.changes:
            if isinstance(change, Command) and change.title in ("kubeadm init", "kubeadm join"):
                assert change.undo()
                assert change.unless


AUDITED = """\
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
apiServer:
  extraVolumes:
  - {name: audit, hostPath: /etc/kubernetes, mountPath: /etc/kubernetes, pathType: DirectoryOrCreate}
  - {name: log, hostPath: /var/log/kubernetes/, mountPath: /var/log/kubernetes, pathType: DirectoryOrCreate}
  - {name: time, hostPath: /etc/localtime, mountPath: /etc/localtime, pathType: File}
"""


def test_what_kubelets_make_for_the_control_plane_is_claimed_on_masters_unless_it_is_there() -> None:
    view = cluster(
        host(1, MASTER), host(2), image=replace(cluster().image, files={"etc/kubeadm.yml": AUDITED})
    )
    claims = {
        step.host: [c.path for c in step.changes if isinstance(c, OwnedPath) and c.shared]
        for step in steps(view)
        if step.id.startswith("kubernetes/prepare@")
    }
    assert claims == {"10.0.0.1": ["/var/log/kubernetes"], "10.0.0.2": []}
