"""What the checks of Kubernetes find."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.cluster.examination import reading_only
from sealer.model import MASTER, Check, Cluster, Finding, Host, Probe, Severity
from sealer_runtime_k8s.disk import LATENCY, DiskLatency
from sealer_runtime_k8s.prepare import prepare_step
from sealer_runtime_k8s.runtime import Kubernetes
from sealer_runtime_k8s.swap import NoSwap
from tests.plugins.kit import balanced_image, cluster, facts, host, image
from tests.shells import every_shell


def found(view: Cluster) -> list[Finding]:
    return [finding for check in Kubernetes().checks(view) for finding in check.evaluate(view)]


def master(**over: object) -> Cluster:
    return cluster(host(1, MASTER, facts=facts(**over)))  # type: ignore[arg-type]  # the test says which


def one(view: Cluster) -> tuple[str, Severity, str]:
    (finding,) = found(view)
    assert finding.mend
    return finding.check, finding.severity, finding.found


def test_clean_hosts_pass() -> None:
    assert found(cluster()) == []


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("kubelet runs", "a kubelet is running"),
        ("left /etc/kubernetes/admin.conf\nleft /var/lib/etcd/member", "/var/lib/etcd/member"),
        ("ours other", "cluster other"),
    ],
)
def test_another_kubernetes_is_refused(answer: str, word: str) -> None:
    check, severity, text = one(master(answers={"kubernetes/state": answer}))
    assert (check, severity) == ("kubernetes-unused", Severity.ERROR)
    assert word in text


def test_ports_are_wanted_free_according_to_the_role() -> None:
    answers = {"kubernetes/ports": "192B\n094B\n280A"}
    view = cluster(host(1, MASTER, facts=facts(answers=answers)), host(2, facts=facts(answers=answers)))
    texts = {finding.host: finding.found for finding in found(view)}
    assert texts == {
        "10.0.0.1": "ports in use: 2379, 6443, 10250",
        "10.0.0.2": "ports in use: 10250",
    }


def test_the_ports_of_this_very_cluster_may_be_in_use() -> None:
    assert found(master(answers={"kubernetes/state": "ours demo", "kubernetes/ports": "192B"})) == []


def test_missing_programs_are_refused_or_warned_about() -> None:
    view = master(answers={"kubernetes/missing-programs": "conntrack\nsocat"})
    assert [(finding.severity, finding.found) for finding in found(view)] == [
        (Severity.ERROR, "missing programs: conntrack"),
        (Severity.WARNING, "missing programs: socat"),
    ]


def test_a_small_master_is_refused_as_kubeadm_would() -> None:
    assert one(master(cpus=1))[:2] == ("kubernetes-master-size", Severity.ERROR)
    assert one(master(memory=1 << 30))[:2] == ("kubernetes-master-size", Severity.ERROR)


def test_little_memory_is_a_warning() -> None:
    assert one(master(memory=1800 << 20))[:2] == ("kubernetes-memory", Severity.WARNING)
    small: Host = host(2, facts=facts("n2", memory=1 << 30))
    assert one(cluster(host(1, MASTER), small))[:2] == ("kubernetes-memory", Severity.WARNING)


def test_a_kernel_without_the_bridge_filter_is_refused() -> None:
    view = master(answers={"kubernetes/modules": "overlay loaded\nbr_netfilter absent"})
    assert one(view)[0] == "kubernetes-bridge-filter"


def test_old_control_groups_are_refused_where_the_kubelet_refuses_them() -> None:
    old = host(1, MASTER, facts=facts(cgroup_version=1))
    assert one(cluster(old, image=image("v1.35.0", ())))[0] == "kubernetes-cgroups"
    assert found(cluster(old, image=image("v1.34.9", ()))) == []
    allowed = {"kind": "KubeletConfiguration", "failCgroupV1": False}
    assert found(cluster(old, image=image("v1.35.0", ()), documents=(allowed,))) == []


@pytest.mark.parametrize("name", ["under_score", "-x", "x-", "a" * 254])
def test_a_name_that_no_node_can_have_is_refused(name: str) -> None:
    assert one(cluster(host(1, MASTER, facts=facts(name))))[0] == "kubernetes-node-name"


def test_hosts_inside_the_network_of_pods_are_refused() -> None:
    view = cluster(host(1, MASTER, address="100.64.3.4"))
    assert "100.64.0.0/10" in one(view)[2]


def test_an_even_number_of_masters_is_warned_about() -> None:
    found_of_two = one(cluster(host(1, MASTER), host(2, MASTER)))
    assert found_of_two[:2] == ("kubernetes-quorum", Severity.WARNING)
    assert "bear the loss of 0, like 1" in found_of_two[2]
    assert found(cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER))) == []


def test_nodes_of_several_masters_want_a_balancer() -> None:
    masters = (host(1, MASTER), host(2, MASTER), host(3, MASTER))
    view = cluster(*masters, host(4))
    (finding,) = found(view)
    assert (finding.check, finding.severity, finding.host) == (
        "kubernetes-balancer",
        Severity.WARNING,
        "10.0.0.4",
    )
    assert found(replace(view, image=balanced_image())) == []
    document = {"kind": "ClusterConfiguration", "controlPlaneEndpoint": "api.example.com:6443"}
    assert found(cluster(*masters, host(4), documents=(document,))) == []


def test_a_node_that_balances_wants_its_port_free() -> None:
    answers = {"kubernetes/ports": "192B"}
    view = cluster(host(1, MASTER), host(2, facts=facts("n2", answers=answers)))
    assert found(view) == []
    (finding,) = found(replace(view, image=balanced_image()))
    assert (finding.host, finding.found) == ("10.0.0.2", "ports in use: 6443")


def test_checks_ask_what_they_read_and_have_ids_of_their_own() -> None:
    checks: list[Check] = list(Kubernetes().checks(cluster()))
    asked = {probe.name for probe in Kubernetes().probes()}
    assert {probe.name for check in checks for probe in check.probes()} <= asked
    assert len({check.id for check in checks}) == len(checks)


def test_a_slow_disk_of_a_master_is_a_warning() -> None:
    check, severity, text = one(master(answers={"kubernetes/disk-latency": "0.0234"}))
    assert (check, severity) == ("kubernetes-disk-latency", Severity.WARNING)
    assert "23 ms" in text
    assert one(master(answers={"kubernetes/disk-latency": ""}))[1] is Severity.NOT_CHECKED
    assert found(master(answers={"kubernetes/disk-latency": "1", "kubernetes/state": "ours demo"})) == []
    view = cluster(host(1, MASTER), host(2))
    assert [len(DiskLatency().probes_for(view, each)) for each in view.hosts] == [1, 0]


def test_the_one_trial_that_writes_is_left_out_of_plans() -> None:
    view = cluster(host(1, MASTER), host(2))
    checks = list(Kubernetes().checks(view))
    left = reading_only(checks, view)
    assert [check.id for check in checks if check not in left] == ["kubernetes-disk-latency"]


def test_a_full_disk_is_a_warning() -> None:
    check, severity, text = one(master(answers={"kubernetes/disk-share": "1000000 149999"}))
    assert (check, severity) == ("kubernetes-disk-pressure", Severity.WARNING)
    assert text.startswith("14 %")


@every_shell
def test_the_trial_of_a_disk_leaves_nothing(shell: tuple[str, ...], tmp_path: Path) -> None:
    script = LATENCY.script.replace("/var/lib/etcd", f"{tmp_path}/not/there")
    done = subprocess.run([*shell, "-c", f"( {script}\n)"], capture_output=True, text=True, check=True)
    assert done.stdout == "" or 0 < float(done.stdout) < 60
    assert list(tmp_path.iterdir()) == []


def test_swap_is_told_of_and_can_be_turned_off() -> None:
    view = master(answers={"kubernetes/swap": "/dev/sda2\n/swapfile"})
    (finding,) = found(view)
    assert (finding.check, finding.severity) == ("kubernetes-swap", Severity.WARNING)
    (change,) = NoSwap().mend(view, finding)
    prepared = [item for item in prepare_step(view, view.first_master).changes if item.key == change.key]
    assert prepared == [change]


@pytest.mark.parametrize(
    ("line", "word", "severity"),
    [
        ("address 100.64.3.4/24", "100.64.3.4/32", Severity.ERROR),
        ("route 10.96.1.0/24", "10.96.0.0/22", Severity.ERROR),
        ("route 10.0.0.0/8", "10.0.0.0/8", Severity.WARNING),
    ],
)
def test_networks_that_a_host_has_a_way_to_must_be_apart(line: str, word: str, severity: Severity) -> None:
    check, seriousness, text = one(master(answers={"kubernetes/networks": f"{line}\nroute fe80::/64\nend"}))
    assert (check, seriousness) == ("kubernetes-networks", severity)
    assert word in text


@pytest.mark.parametrize("answer", ["file /etc/cni/net.d/87-podman.conflist", "link flannel.1"])
def test_what_another_network_of_pods_left_is_refused(answer: str) -> None:
    check, severity, text = one(master(answers={"kubernetes/network-leftovers": answer}))
    assert (check, severity) == ("kubernetes-network-leftovers", Severity.ERROR)
    assert answer.split()[1] in text


def test_what_this_very_cluster_has_is_no_leftover() -> None:
    own = {
        "kubernetes/state": "ours demo",
        "kubernetes/networks": "route 100.64.1.0/24\nend",
        "kubernetes/network-leftovers": "file /etc/cni/net.d/10-flannel.conflist\nlink cni0",
    }
    assert found(master(answers=own)) == []


@pytest.mark.parametrize("probe", Kubernetes().probes(), ids=lambda probe: probe.name)
@pytest.mark.parametrize("nonsense", ["", "\n", "x", "x y z", "left", "file", "zz zz", "\t/"])
def test_no_answer_passes_and_none_is_too_strange(probe: Probe, nonsense: str) -> None:
    findings = found(master(answers={probe.name: nonsense}))
    assert all(finding.mend and finding.found for finding in findings)
    if not nonsense:
        assert findings
        assert all(finding.severity is Severity.NOT_CHECKED for finding in findings)


def test_ways_between_hosts_lead_to_masters_and_kubelets() -> None:
    ways = {way.port: way for way in Kubernetes().traffic(cluster())}
    assert ways[6443].sources == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert ways[6443].targets == ("10.0.0.1",)
    assert ways[10250].sources == ("10.0.0.1",)
    assert ways[10250].targets == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert ways[2380].sources == ways[2380].targets == ("10.0.0.1",)
