"""The steps that k0s declares, and how core ties them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.changes import Change, Command, File, Unit
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, ContainerRuntimeSettings, Departure, Host, Step, at
from sealer.operation.plan import Plan, make_plan
from sealer_runtime_k0s import sealer_base_recipes, sealer_cluster_runtimes
from sealer_runtime_k0s.runtime import K0s
from tests.plugins import kit
from tests.plugins.kit import REGISTRY, assert_golden, assert_parses, host, plan_text
from tests.plugins.runtime_k0s.samples import IMAGE, OLD_VERSION, image

DIRECTORY = Path(__file__).parent


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def steps(view: Cluster) -> list[Step]:
    return [*K0s().create(view), *K0s().join(view, view.hosts[1:])]


def tied(view: Cluster) -> Plan:
    names = ("rootfs", "registry-access")
    return make_plan(steps(view), given=[at(name, member.name) for member in view.hosts for name in names])


def unit_of(view: Cluster, number: int) -> str:
    name = view.hosts[number].name
    planned = [c for step in steps(view) if step.host == name for c in step.changes if isinstance(c, Unit)]
    return str(planned[0].content)


def test_the_plugin_provides_the_runtime_and_its_recipe_by_one_name() -> None:
    assert [runtime.name for runtime in sealer_cluster_runtimes()] == ["k0s"]
    assert [recipe.name for recipe in sealer_base_recipes()] == ["k0s"]


def test_the_plan_of_a_controller_and_a_worker_is_as_it_was_agreed() -> None:
    view = cluster(host(1, MASTER), host(2, labels={"disk": "fast"}))
    assert_golden(DIRECTORY / "plan.golden.yaml", plan_text(steps(view)))


@pytest.mark.parametrize("version", [OLD_VERSION, "v1.22.17+k0s.0", "v1.36.0+k0s.0"])
def test_every_script_of_the_plan_parses(version: str) -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3), image=image(version))
    for step in steps(view):
        assert_parses(step)


def test_workers_join_side_by_side_and_controllers_one_after_the_other() -> None:
    plan = tied(cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4), host(5)))
    assert "k0s/join@10.0.0.2" in plan.waits_for["k0s/join@10.0.0.3"]
    for node in ("10.0.0.4", "10.0.0.5"):
        needed = plan.waits_for[f"k0s/join@{node}"]
        assert not [step for step in needed if step.startswith("k0s/join@")]


def test_tokens_are_made_for_the_roles_that_join_alone() -> None:
    def made(*hosts: Host) -> list[str]:
        return [step.id for step in steps(cluster(*hosts)) if step.id.startswith("k0s/token")]

    assert made(host(1, MASTER)) == []
    assert made(host(1, MASTER), host(2), host(3)) == ["k0s/token/worker@10.0.0.1"]
    assert made(host(1, MASTER), host(2, MASTER)) == ["k0s/token/controller@10.0.0.1"]


def test_tokens_are_secret_live_for_an_hour_and_are_not_made_while_planning() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3))
    for step in (step for step in steps(view) if step.id.startswith("k0s/token")):
        ((output,),) = (change.outputs for change in step.changes)
        assert output.secret
        assert output.fresh
        assert "--expiry=1h" in output.script


def test_workers_never_see_what_makes_a_controller() -> None:
    planned = {step.id: step for step in steps(cluster(host(1, MASTER), host(2, MASTER), host(3)))}
    assert {step for step, _ in planned["k0s/join@10.0.0.3"].uses()} == {"k0s/token/worker@10.0.0.1"}
    assert {step for step, _ in planned["k0s/join@10.0.0.2"].uses()} == {"k0s/token/controller@10.0.0.1"}


def test_what_a_join_that_was_cut_off_left_behind_goes_before_it_is_begun_again() -> None:
    planned = {step.id: step for step in steps(cluster(host(1, MASTER), host(2, MASTER), host(3)))}
    controller, worker = (
        next(c for c in planned[f"k0s/join@10.0.0.{number}"].changes if isinstance(c, Command))
        for number in (2, 3)
    )
    assert "rm -rf /var/lib/k0s/pki /var/lib/k0s/etcd" in controller.run
    assert controller.unless == "[ -e /var/lib/k0s/etcd/member/snap/db ]"
    assert "rm -rf" not in worker.run


@pytest.mark.parametrize("given", ["", "/else/where"])
def test_kubectl_is_k0s_for_the_administrator_unless_another_is_named(tmp_path: Path, given: str) -> None:
    files = (c for step in steps(cluster()) for c in step.changes if isinstance(c, File))
    kubectl = next(file for file in files if file.path == "/usr/local/bin/kubectl")
    program = tmp_path / "k0s"
    program.write_text('#!/bin/sh\necho "$KUBECONFIG" "$@"\n')
    program.chmod(0o755)
    script = str(kubectl.content).replace("/usr/local/bin/k0s", str(program))
    done = subprocess.run(
        ["sh", "-s", "get", "two words"],
        input=script,
        env={"KUBECONFIG": given} if given else {},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{given or '/var/lib/k0s/pki/admin.conf'} kubectl get two words\n"


def test_the_units_of_all_controllers_are_alike() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER))
    first, second = (unit_of(view, number) for number in (0, 1))
    assert first.replace("10.0.0.1", "10.0.0.2") == second
    assert "token" not in first


def test_controllers_are_workers_without_taints_unless_they_are_to_be_controllers_alone() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER, env={"EnableWorker": "false"}))
    assert "--enable-worker --no-taints" in unit_of(view, 0)
    assert "worker" not in unit_of(view, 1)
    planned = {step.id: step for step in steps(view)}
    assert at("member", "10.0.0.2") in planned["k0s/join@10.0.0.2"].provides
    assert "kubernetes/mark/10.0.0.2@10.0.0.1" not in planned
    assert list(K0s().mirrors(view, view.hosts[1], REGISTRY, ("docker.io",))) == []


def test_an_old_k0s_gets_no_argument_that_it_does_not_know() -> None:
    view = cluster(image=image(OLD_VERSION))
    assert "--enable-worker" in unit_of(view, 0)
    assert "--no-taints" not in unit_of(view, 0)


def test_a_container_runtime_of_the_image_is_used_with_its_cgroup_driver() -> None:
    runtime = ContainerRuntimeSettings(socket="/run/c.sock", cgroup_driver="systemd")
    view = cluster(host(1, MASTER), host(2), container_runtime=runtime)
    assert "--cri-socket=remote:unix:///run/c.sock" in unit_of(view, 1)
    assert '"--kubelet-extra-args=--node-ip=10.0.0.2 --cgroup-driver=systemd"' in unit_of(view, 1)
    assert "containerd.d" not in str([step.changes for step in steps(view)])


def test_ip_version_6_alone_takes_a_feature_gate() -> None:
    env = {"PodCIDR": "fd00:8::/108", "SvcCIDR": "fd00:9::/108"}
    assert "IPv6SingleStack=true" in unit_of(cluster(env=env, image=image("v1.34.1+k0s.0")), 0)


def restarts(version: str) -> list[Command]:
    view = cluster(host(2), image=image(version))
    changes: list[Change] = [*K0s().mirrors(view, view.hosts[0], REGISTRY, ("docker.io",))]
    return [change for change in changes if isinstance(change, Command)]


def test_containerd_alone_is_restarted_for_mirrors_and_only_where_it_reads_them_once() -> None:
    assert restarts("v1.33.1+k0s.0") == []
    (restart,) = restarts(OLD_VERSION)
    assert "containerd.pid" in restart.run
    assert "systemctl restart" not in restart.run


def test_ways_between_workers_are_those_of_the_network_of_pods() -> None:
    def ways(**network: object) -> set[str]:
        document = {
            "apiVersion": "k0s.k0sproject.io/v1beta1",
            "kind": "ClusterConfig",
            "spec": {"network": network},
        }
        view = cluster(host(1, MASTER, env={"EnableWorker": "false"}), host(2), documents=(document,))
        return {way.listed for way in K0s().traffic(view) if set(way.targets) == {"10.0.0.2"}}

    assert ways() == {"179"}
    assert ways(provider="calico") == {"4789/udp"}
    assert ways(provider="calico", calico={"mode": "bird"}) == ways(provider="custom") == set()


def test_nodes_become_ready_unless_the_user_wants_another_network_or_some_host_is_none() -> None:
    def ready(*hosts: Host, **network: object) -> bool:
        document = {
            "apiVersion": "k0s.k0sproject.io/v1beta1",
            "kind": "ClusterConfig",
            "spec": {"network": network},
        }
        return K0s().becomes_ready(cluster(*hosts, documents=(document,)))

    assert ready(host(1, MASTER), host(2))
    assert ready(host(1, MASTER), provider="calico")
    assert not ready(host(1, MASTER), host(2), provider="custom")
    assert not ready(host(1, MASTER, env={"EnableWorker": "false"}), host(2))


def test_hosts_leave_controllers_one_after_the_other_and_those_that_are_lost_first() -> None:
    view = cluster(*(host(number, MASTER) for number in (1, 2, 3)), host(4))
    leaving = Departure(hosts=(view.hosts[0], view.hosts[1], view.hosts[3]), lost=frozenset({"10.0.0.2"}))
    planned = {step.provides: step for step in K0s().remove(view, leaving)}
    assert all(step.host == "10.0.0.3" for step in planned.values())
    assert planned["removed@10.0.0.1",].requires == ("cleared@10.0.0.3", "removed@10.0.0.2")
    assert "drain" not in str(planned["removed@10.0.0.2",].changes[0].apply()).replace("drain and", "")
    assert "etcd leave --peer-address=10.0.0.1" in str(planned["removed@10.0.0.1",].changes[0].apply())
    assert "etcd leave" not in str(planned["removed@10.0.0.4",].changes[0].apply())
    for step in planned.values():
        assert_parses(step)


def test_controllers_stay_as_long_as_etcd_needs_them() -> None:
    view = cluster(*(host(number, MASTER) for number in (1, 2, 3)))
    with pytest.raises(PlanError, match="quorum"):
        tuple(K0s().remove(view, Departure(hosts=view.hosts[:1], lost=frozenset({"10.0.0.2"}))))


def test_the_controller_that_all_know_stays_where_there_is_no_balancer() -> None:
    view = cluster(*(host(number, MASTER) for number in (1, 2, 3)), image=image(OLD_VERSION))
    with pytest.raises(PlanError, match="balancer"):
        tuple(K0s().remove(view, Departure(hosts=view.hosts[:1])))
    assert tuple(K0s().remove(view, Departure(hosts=view.hosts[1:2])))
