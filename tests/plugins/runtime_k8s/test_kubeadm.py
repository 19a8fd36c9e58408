"""kubeadm's configuration, parsed back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from sealer.errors import PlanError
from sealer.model import MASTER, Cluster, Value, fill
from sealer_runtime_k8s.kubeadm import (
    discovery_kubeconfig,
    init_configuration,
    join_configuration,
    networks,
)
from tests.plugins.kit import cluster, facts, host, image

Documents = dict[str, dict[str, Any]]

VERSIONS = ("v1.14.0", "v1.20.2", "v1.28.3", "v1.33.1")


def init(view: Cluster) -> Documents:
    return {str(document["kind"]): document for document in yaml.safe_load_all(init_configuration(view))}


def release(version: str) -> Cluster:
    parts = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    return cluster(image=image(version, [f"registry.k8s.io/{part}:{version}" for part in parts]))


def arguments(document: dict[str, Any]) -> Any:
    return document["nodeRegistration"]["kubeletExtraArgs"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_configuration_version_says_the_same(version: str) -> None:
    documents = init(release(version))
    first, whole = documents["InitConfiguration"], documents["ClusterConfiguration"]
    assert first["apiVersion"] == whole["apiVersion"]
    assert first["localAPIEndpoint"] == {"advertiseAddress": "10.0.0.1", "bindPort": 6443}
    assert first["nodeRegistration"]["criSocket"] == "unix:///run/containerd/containerd.sock"
    assert first["nodeRegistration"]["name"] == "n1"
    assert whole["kubernetesVersion"] == version
    assert whole["controlPlaneEndpoint"] == "apiserver.cluster.local:6443"
    assert whole["imageRepository"] == "registry.k8s.io"
    assert whole["networking"] == {"podSubnet": "100.64.0.0/10", "serviceSubnet": "10.96.0.0/22"}
    assert documents["KubeletConfiguration"]["cgroupDriver"] == "systemd"
    assert documents["KubeletConfiguration"]["apiVersion"] == "kubelet.config.k8s.io/v1beta1"


@pytest.mark.parametrize("version", VERSIONS)
def test_arguments_are_lists_since_v1beta4(version: str) -> None:
    wanted: object = {"node-ip": "10.0.0.1"}
    if version == "v1.33.1":
        wanted = [{"name": "node-ip", "value": "10.0.0.1"}]
    assert arguments(init(release(version))["InitConfiguration"]) == wanted


def test_the_token_that_init_makes_ends_soon() -> None:
    assert init(cluster())["InitConfiguration"]["bootstrapTokens"] == [{"ttl": "5m0s"}]


def test_certificates_are_for_every_master_and_the_users_names() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), env={"CertSANs": "api.example.com, 192.0.2.7"})
    assert init(view)["ClusterConfiguration"]["apiServer"]["certSANs"] == [
        "127.0.0.1",
        "localhost",
        "apiserver.cluster.local",
        "10.0.0.1",
        "10.0.0.2",
        "api.example.com",
        "192.0.2.7",
    ]


def test_networks_come_from_the_environment() -> None:
    view = cluster(env={"PodCIDR": "172.20.0.0/16", "SvcCIDR": "172.21.0.0/16"})
    assert init(view)["ClusterConfiguration"]["networking"] == {
        "podSubnet": "172.20.0.0/16",
        "serviceSubnet": "172.21.0.0/16",
    }


def test_the_users_documents_win() -> None:
    documents: tuple[dict[str, object], ...] = (
        {
            "apiVersion": "kubeadm.k8s.io/v1beta3",
            "kind": "ClusterConfiguration",
            "networking": {"podSubnet": "172.20.0.0/16", "dnsDomain": "example.local"},
            "apiServer": {"certSANs": ["api.example.com"], "extraArgs": {"profiling": "false"}},
        },
        {"kind": "KubeletConfiguration", "maxPods": 200},
        {"kind": "KubeProxyConfiguration", "mode": "ipvs"},
        {"kind": "InitConfiguration", "nodeRegistration": {"taints": []}},
    )
    view = cluster(documents=documents, env={"PodCIDR": "172.30.0.0/16"})
    result = init(view)
    whole = result["ClusterConfiguration"]
    assert whole["apiVersion"] == "kubeadm.k8s.io/v1beta2"
    assert whole["networking"] == {
        "podSubnet": "172.20.0.0/16",
        "serviceSubnet": "10.96.0.0/22",
        "dnsDomain": "example.local",
    }
    assert whole["apiServer"]["extraArgs"] == {"profiling": "false"}
    assert whole["apiServer"]["certSANs"][-2:] == ["10.0.0.1", "api.example.com"]
    assert result["KubeletConfiguration"]["maxPods"] == 200
    assert result["KubeletConfiguration"]["cgroupDriver"] == "systemd"
    assert result["KubeProxyConfiguration"]["mode"] == "ipvs"
    assert result["InitConfiguration"]["nodeRegistration"]["taints"] == []
    assert [str(network) for network in networks(view).pods] == ["172.20.0.0/16"]


def test_the_user_can_not_give_all_hosts_one_name() -> None:
    documents = ({"kind": "JoinConfiguration", "nodeRegistration": {"name": "x", "taints": []}},)
    view = cluster(documents=documents)
    joins = [
        yaml.safe_load(join_configuration(view, member, token="t", discovery="/d")) for member in view.nodes
    ]
    assert [join["nodeRegistration"]["name"] for join in joins] == ["n2", "n3"]
    assert [join["nodeRegistration"]["taints"] for join in joins] == [[], []]


def test_arguments_written_either_way_are_understood() -> None:
    listed = [{"name": "v", "value": "4"}, {"name": "node-ip", "value": "192.0.2.1"}]
    documents = ({"kind": "InitConfiguration", "nodeRegistration": {"kubeletExtraArgs": listed}},)
    assert arguments(init(cluster(documents=documents))["InitConfiguration"]) == {
        "v": "4",
        "node-ip": "10.0.0.1",
    }


def test_a_repeated_argument_stays_where_lists_can_hold_it() -> None:
    issuers = [{"name": "service-account-issuer", "value": text} for text in ("https://a", "https://b")]
    document = {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": issuers}}
    view = dataclasses.replace(release("v1.33.1"), documents=(document,))
    assert init(view)["ClusterConfiguration"]["apiServer"]["extraArgs"] == issuers


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"kind": "ClusterConfiguration", "kubernetesVersion": "v1.19.8"}, "v1.19.8"),
        ({"kind": "KubeletConfiguration", "cgroupDriver": "cgroupfs"}, "cgroupfs"),
        (
            {"kind": "InitConfiguration", "nodeRegistration": {"criSocket": "/run/dockershim.sock"}},
            "dockershim",
        ),
        ({"kind": "ClusterConfiguration", "networking": {"podSubnet": "10.96.0.0/16"}}, "overlaps"),
        ({"kind": "ClusterConfiguration", "networking": {"serviceSubnet": "300.0.0.0/8"}}, "300.0.0.0/8"),
    ],
)
def test_what_can_not_work_is_refused_while_planning(document: dict[str, object], word: str) -> None:
    with pytest.raises(PlanError) as caught:
        init_configuration(cluster(documents=(document,)))
    assert word in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "socket", ["unix:///var/run/containerd/containerd.sock", "/run/containerd/containerd.sock"]
)
def test_a_socket_that_is_written_otherwise_is_the_same_socket(socket: str) -> None:
    document = {"kind": "InitConfiguration", "nodeRegistration": {"criSocket": socket}}
    assert "InitConfiguration" in init(cluster(documents=(document,)))


def test_a_repository_that_the_user_names_is_left_to_the_user() -> None:
    document = {"kind": "ClusterConfiguration", "imageRepository": "hub.example/k8s"}
    whole = init(cluster(documents=(document,)))["ClusterConfiguration"]
    assert whole["imageRepository"] == "hub.example/k8s"
    assert "etcd" not in whole


def test_a_node_joins_with_a_token_and_a_file_to_trust() -> None:
    view = cluster()
    token = Value(step="token", key="token", secret=True)
    text = join_configuration(view, view.nodes[0], token=str(token), discovery="/d/discovery.conf")
    # A token of digits alone must not be read as a number.
    join = yaml.safe_load(fill(text, {("token", "token"): "123456.0123456789012345"}))
    assert join["discovery"] == {
        "file": {"kubeConfigPath": "/d/discovery.conf"},
        "tlsBootstrapToken": "123456.0123456789012345",
    }
    assert "controlPlane" not in join
    assert join["nodeRegistration"]["name"] == "n2"


def test_a_master_joins_with_the_key_of_the_certificates() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER))
    text = join_configuration(view, view.hosts[1], token="t", discovery="/d", certificate_key="00ff")
    assert yaml.safe_load(text)["controlPlane"] == {
        "localAPIEndpoint": {"advertiseAddress": "10.0.0.2", "bindPort": 6443},
        "certificateKey": "00ff",
    }


def test_the_discovery_file_holds_the_authority_and_no_secret() -> None:
    authority = Value(step="token", key="authority")
    text = discovery_kubeconfig(cluster(), authority=str(authority))
    config = yaml.safe_load(fill(text, {("token", "authority"): "TFMwdA=="}))
    (entry,) = config["clusters"]
    assert entry["cluster"] == {
        "server": "https://apiserver.cluster.local:6443",
        "certificate-authority-data": "TFMwdA==",
    }
    assert set(config) == {"apiVersion", "kind", "clusters"}


def test_nodes_can_be_named_by_address() -> None:
    view = cluster(env={"UseIPasNodeName": "true"})
    assert init(view)["InitConfiguration"]["nodeRegistration"]["name"] == "10.0.0.1"


def test_capital_letters_of_a_host_name_become_small() -> None:
    view = cluster(host(1, MASTER, facts=facts("Master-1")))
    assert init(view)["InitConfiguration"]["nodeRegistration"]["name"] == "master-1"


def test_both_ip_families_can_be_used() -> None:
    view = cluster(env={"PodCIDR": "10.244.0.0/16,fd01::/48", "SvcCIDR": "10.96.0.0/16,fd02::/112"})
    assert [network.version for network in networks(view).pods] == [4, 6]


def test_hosts_of_ip_version_6_have_networks_of_it() -> None:
    view = cluster(host(1, MASTER, address="fd00:1::1"), host(2, address="fd00:1::2"))
    documents = init(view)
    assert [network.version for network in (*networks(view).pods, *networks(view).services)] == [6, 6]
    assert documents["InitConfiguration"]["localAPIEndpoint"]["advertiseAddress"] == "fd00:1::1"
    assert arguments(documents["InitConfiguration"]) == {"node-ip": "fd00:1::1"}
    names = documents["ClusterConfiguration"]["apiServer"]["certSANs"]
    assert {"::1", "fd00:1::1"} <= set(names)
    assert "127.0.0.1" not in names


@pytest.mark.parametrize(
    ("address", "pods", "services", "word"),
    [
        ("10.0.0.1", "fd01::/48", "10.96.0.0/16", "pods, fd01::/48, is of IPv6"),
        ("10.0.0.1", "10.244.0.0/16", "fd02::/112,10.96.0.0/16", "services, fd02::/112, is of IPv6"),
        ("fd00:1::1", "fd01::/48", "10.96.0.0/16", "services, 10.96.0.0/16, is of IPv4"),
        ("10.0.0.1", "10.244.0.0/16,10.245.0.0/16", "10.96.0.0/16", "one network of each IP family"),
    ],
)
def test_networks_that_do_not_go_with_the_hosts_are_refused(
    address: str, pods: str, services: str, word: str
) -> None:
    view = cluster(host(1, MASTER, address=address), env={"PodCIDR": pods, "SvcCIDR": services})
    with pytest.raises(PlanError, match=word):
        networks(view)


TWO_FAMILIES = {"PodCIDR": "172.20.0.0/16,fd01::/48", "SvcCIDR": "10.96.0.0/22,fd02::/112"}


@pytest.mark.parametrize(
    ("lines", "version", "addresses"),
    [
        (("10.0.0.1/24", "fe80::1/64", "fd00:1::1/64"), "v1.20.2", "10.0.0.1,fd00:1::1"),
        (("10.0.0.1/24", "fd01:0:0:1::1/64", "fd02::a/128", "fd00:1::1/64"), "v1.33.1", "10.0.0.1,fd00:1::1"),
        (("10.0.0.1/24", "fe80::1/64"), "v1.20.2", "10.0.0.1"),
        (("10.0.0.1/24", "nonsense", "fd00:1::1/64"), "v1.19.8", "10.0.0.1"),
    ],
)
def test_a_node_has_an_address_of_each_family_that_pods_have(
    lines: tuple[str, ...], version: str, addresses: str
) -> None:
    answers = {"kubernetes/networks": "\n".join([*(f"address {line}" for line in lines), "end"])}
    member = host(1, MASTER, facts=facts(answers=answers))
    view = cluster(member, env=TWO_FAMILIES, image=image(version, ()))
    listed = [{"name": "node-ip", "value": addresses}]
    found = arguments(init(view)["InitConfiguration"])
    assert found in ({"node-ip": addresses}, listed)
    one = arguments(init(cluster(member, image=image(version, ())))["InitConfiguration"])
    assert one in ({"node-ip": "10.0.0.1"}, [{"name": "node-ip", "value": "10.0.0.1"}])


def test_masters_take_pods_only_where_there_are_no_nodes() -> None:
    alone = cluster(host(1, MASTER), host(2, MASTER))
    assert init(alone)["InitConfiguration"]["nodeRegistration"]["taints"] == []
    second = yaml.safe_load(join_configuration(alone, alone.hosts[1], token="t", discovery="/d"))
    assert second["nodeRegistration"]["taints"] == []
    assert "taints" not in init(cluster())["InitConfiguration"]["nodeRegistration"]
    wanted = [{"key": "a", "effect": "NoSchedule"}]
    document = {"kind": "InitConfiguration", "nodeRegistration": {"taints": wanted}}
    view = cluster(host(1, MASTER), documents=(document,))
    assert init(view)["InitConfiguration"]["nodeRegistration"]["taints"] == wanted


@pytest.mark.parametrize(("version", "gated"), [("v1.15.0", False), ("v1.20.2", True), ("v1.21.0", False)])
def test_two_ip_families_are_asked_for_where_they_have_to_be(version: str, *, gated: bool) -> None:
    whole = init(cluster(image=image(version, ()), env=TWO_FAMILIES))["ClusterConfiguration"]
    assert whole["networking"]["podSubnet"] == "172.20.0.0/16,fd01::/48"
    assert whole.get("featureGates", {}) == ({"IPv6DualStack": True} if gated else {})
    one = init(cluster(image=image(version, ())))["ClusterConfiguration"]
    assert "featureGates" not in one


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], ["SystemVerification"]),
        (["Mem"], ["Mem", "SystemVerification"]),
        # "don't specify individual checks if 'all' is used" (kubeadm)
        (["all"], ["all"]),
    ],
)
def test_kubeadm_lets_old_control_groups_pass_where_the_user_tells_the_kubelet_to(
    given: list[str], wanted: list[str]
) -> None:
    said = (
        {"kind": "KubeletConfiguration", "failCgroupV1": False},
        {"kind": "InitConfiguration", "nodeRegistration": {"ignorePreflightErrors": given}},
    )
    hosts = {old: host(1, MASTER, facts=facts(cgroup_version=old)) for old in (1, 2)}

    def ignored(version: str, old: int) -> object:
        view = cluster(hosts[old], image=image(version, ()), documents=said)
        return init(view)["InitConfiguration"]["nodeRegistration"]["ignorePreflightErrors"]

    assert ignored("v1.35.4", 1) == wanted
    assert ignored("v1.35.4", 2) == given
    assert ignored("v1.34.4", 1) == given
