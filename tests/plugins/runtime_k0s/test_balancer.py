"""The balancer that workers reach the API servers by: its type, its ports, and what can't be."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealer.changes import Wait
from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Host
from sealer_runtime_k0s.balancer import balancer_ports
from sealer_runtime_k0s.checks import FreePorts, all_checks
from sealer_runtime_k0s.config import specification
from sealer_runtime_k0s.control_groups import ControlGroups
from sealer_runtime_k0s.fragments import balancer_listens, why_no_balancer
from sealer_runtime_k0s.units import unit_text
from sealer_runtime_k0s.waits import balanced
from tests.plugins import kit
from tests.plugins.kit import facts, host
from tests.plugins.runtime_k0s.samples import IMAGE, OLD_VERSION, image

TRAEFIK_VERSION = "v1.36.3+k0s.0"


def cluster(*hosts: Host, version: str = TRAEFIK_VERSION, **spec: Any) -> Cluster:
    given = {"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig", "spec": spec}
    return kit.cluster(*hosts, image=image(version), container_runtime=None, documents=(given,))


def balancer(**settings: Any) -> dict[str, Any]:
    return {"nodeLocalLoadBalancing": settings}


def test_the_type_is_k0s_own_default_unless_the_user_chooses_another() -> None:
    assert specification(cluster())["network"]["nodeLocalLoadBalancing"] == {"enabled": True}
    chosen = specification(cluster(network=balancer(type="Traefik")))["network"]["nodeLocalLoadBalancing"]
    assert chosen == {"enabled": True, "type": "Traefik"}


def test_a_type_that_k0s_does_not_have_is_refused() -> None:
    with pytest.raises(PlanError, match=r"v1\.35\.7.* 'Traefik'") as refused:
        specification(cluster(version="v1.35.7+k0s.0", network=balancer(type="Traefik")))
    assert refused.value.hint == "nodeLocalLoadBalancing.type is EnvoyProxy"
    with pytest.raises(PlanError, match="'Envoy'") as refused:
        specification(cluster(network=balancer(type="Envoy")))
    assert refused.value.hint == "nodeLocalLoadBalancing.type is EnvoyProxy or Traefik"
    assert specification(cluster(version="v1.35.7+k0s.0", network=balancer(enabled=False, type="Traefik")))


def test_a_k0s_without_balancers_can_not_have_one() -> None:
    with pytest.raises(PlanError, match="no node-local load balancing"):
        specification(cluster(version=OLD_VERSION, network=balancer(enabled=True)))


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        ({}, (7443, 7132)),
        ({"envoyProxy": {"apiServerBindPort": 7444}}, (7444, 7132)),
        ({"type": "Traefik", "envoyProxy": {"apiServerBindPort": 7444}}, (7443, 7132)),
        ({"type": "Traefik", "traefik": {"konnectivityServerBindPort": 7133}}, (7443, 7133)),
        ({"enabled": False}, ()),
    ],
)
def test_its_ports_have_to_be_free_wherever_pods_run(
    settings: dict[str, Any], ports: tuple[int, ...]
) -> None:
    bare = host(2, MASTER, env={"EnableWorker": "false"})
    view = cluster(host(1, MASTER), bare, host(3), network=balancer(**settings))
    assert balancer_ports(specification(view)) == ports
    master, alone, worker = (FreePorts().ports(view, one) for one in view.hosts)
    assert worker == (10250, *ports)
    assert master == (6443, 9443, 8132, 2379, 2380, 10250, *ports)
    assert alone == (6443, 9443, 8132, 2379, 2380)


def test_a_port_of_the_control_plane_is_not_the_balancers_too() -> None:
    with pytest.raises(PlanError, match="port 7443 is asked for twice") as refused:
        specification(cluster(api={"port": 7443}))
    assert "envoyProxy" in str(refused.value.hint)
    moved = balancer(envoyProxy={"apiServerBindPort": 7444})
    assert specification(cluster(api={"port": 7443}, network=moved))["api"]["port"] == 7443
    assert specification(cluster(api={"port": 7443, "externalAddress": "api.example"}))


def test_old_control_groups_are_refused_where_the_kubelet_refuses_them() -> None:
    old = facts("n1", cgroup_version=1)
    refused = cluster(host(1, MASTER, facts=old))
    (check,) = (check for check in all_checks() if isinstance(check, ControlGroups))
    (finding,) = check.evaluate(refused)
    assert (finding.check, finding.host) == ("k0s-cgroups", "10.0.0.1")
    assert "failCgroupV1: false in the worker profile default" in str(finding.mend)
    earlier = replace(refused, image=image("v1.34.4+k0s.0"))
    bare = cluster(host(1, MASTER, facts=old, env={"EnableWorker": "false"}))
    for fine in (earlier, bare, replace(refused, image=IMAGE)):
        assert list(ControlGroups().evaluate(fine)) == []


def test_who_tells_all_kubelets_to_take_old_control_groups_is_let_through() -> None:
    old = host(1, MASTER, facts=facts("n1", cgroup_version=1))

    def refused(name: str, value: bool) -> bool:
        view = cluster(old, workerProfiles=[{"name": name, "values": {"failCgroupV1": value}}])
        return bool(list(ControlGroups().evaluate(view)))

    assert [refused("default", False), refused("default", True), refused("other", False)] == [
        False,
        True,
        True,
    ]


def test_k0s_own_checks_are_left_out_where_they_refuse_what_the_user_allows() -> None:
    allowing = [{"name": "default", "values": {"failCgroupV1": False}}]
    old, new = (host(number, facts=facts(f"n{number}", cgroup_version=number)) for number in (1, 2))

    def left_out(one: Host, **over: Any) -> bool:
        view = cluster(host(3, MASTER), one, **over)
        return "--ignore-pre-flight-checks" in unit_text(view, one)

    assert left_out(old, workerProfiles=allowing)
    assert not left_out(new, workerProfiles=allowing)
    assert not left_out(old)
    assert not left_out(old, workerProfiles=allowing, version="v1.34.4+k0s.0")


# As k0s 1.36.3 wrote it.
JOURNAL = r"""
time="2026-11-23 14:48:40" level=info msg="Staging" path=/var/lib/k0s/bin/kubelet
time="2026-11-23 14:48:43" level=info msg="E1123 14:48:43.762840    2766 pod_workers.go:1338] \"Error syncing pod, skipping\" err=\"failed to \\\"StartContainer\\\" for \\\"nllb\\\" with ImagePullBackOff: \\\"Back-off pulling image\\\"\" pod=\"kube-system/nllb-n2\" podUID=\"6a2e02be\"" component=kubelet stream=stderr
time="2026-11-23 14:48:44" level=info msg="E1123 14:48:44.762840    2766 pod_workers.go:1338] \"Error syncing pod, skipping\" err=\"failed\" pod=\"kube-system/metrics-server\" podUID=\"1\"" component=kubelet stream=stderr
"""  # noqa: E501


def answer(script: str, root: Path, journal: str = "") -> tuple[int, str]:
    """Run sh on a host whose journal and files are ours."""
    (root / "journal").write_text(journal, encoding="utf-8")
    (root / "journalctl").write_text(f"#!/bin/sh\ncat {root}/journal\n", encoding="utf-8")
    (root / "journalctl").chmod(0o755)
    placed = script.replace("/proc/net", f"{root}/net").replace("/run/k0s", f"{root}/run")
    done = subprocess.run(
        ["sh"], input=f"PATH={root}:$PATH\n{placed}", capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_a_worker_is_waited_for_until_its_balancer_listens(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    sockets = tmp_path / "net/tcp6"
    local = "0" * 24 + "01000000"
    for state, listens in (("0A", True), ("01", False)):
        sockets.write_text(f"  sl  local_address\n   3: {local}:1D13 {'0' * 32}:0000 {state} 00000000\n")
        assert (answer(balancer_listens(7443), tmp_path)[0] == 0) is listens
    assert answer(balancer_listens(7444), tmp_path)[0] != 0


def test_what_the_kubelet_says_of_the_balancers_pod_is_why_it_does_not_listen(tmp_path: Path) -> None:
    said = answer(why_no_balancer(7443), tmp_path)[1]
    assert said.endswith("if it ran before one was asked for: systemctl restart k0sworker.service\n")
    (tmp_path / "run/nllb").mkdir(parents=True)
    (tmp_path / "run/nllb/kubeconfig.yaml").touch()
    assert answer(why_no_balancer(7443), tmp_path, JOURNAL)[1] == (
        "the balancer does not listen on port 7443\n"
        "failed to StartContainer for nllb with ImagePullBackOff: Back-off pulling image\n"
    )


def test_workers_alone_are_waited_for_and_only_where_they_have_a_balancer() -> None:
    worker = host(2)

    def waited(one: Host, **spec: Any) -> list[str]:
        view = cluster(host(1, MASTER), one, **spec)
        return [change.title for change in balanced(view, one, ", now") if isinstance(change, Wait)]

    assert waited(worker) == ["the balancer before the API servers listens, now"]
    assert waited(host(2, MASTER)) == []
    assert waited(worker, network=balancer(enabled=False)) == []
    assert waited(worker, api={"externalAddress": "api.example"}) == []
