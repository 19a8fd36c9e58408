"""Whose word counts: the image's, what is computed, or the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from sealer.errors import PlanError
from sealer.model import MASTER, Cluster
from sealer_runtime_k8s.documents import IMAGE_FILE
from sealer_runtime_k8s.kubeadm import init_configuration, join_configuration, networks
from tests.plugins.kit import cluster, host, image

SEALERS_OWN = """\
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 1.2.3.4, bindPort: 6443}
nodeRegistration:
  criSocket: /var/run/dockershim.sock
  kubeletExtraArgs: {max-pods: "200"}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: v1.19.8
imageRepository: sea.hub:5000/library
controlPlaneEndpoint: "apiserver.cluster.local:6443"
networking: {podSubnet: 10.0.128.0/17, dnsDomain: example.internal}
apiServer:
  certSANs: [image.example]
  timeoutForControlPlane: 5m0s
  extraArgs: {audit-log-maxage: "7", profiling: "false", etcd-servers: "https://172.16.0.181:2379"}
dns: {type: CoreDNS}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
maxPods: 200
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
ipvs: {syncPeriod: 30s}
"""


def view(*documents: Mapping[str, object], version: str = "v1.20.2", **over: Any) -> Cluster:
    metadata = replace(image(version, ()), files={IMAGE_FILE: SEALERS_OWN})
    return cluster(host(1, MASTER), host(2), image=metadata, documents=documents, **over)


def init(seen: Cluster) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(init_configuration(seen))}


def test_the_etcd_of_whoever_wrote_the_images_file_is_not_the_clusters() -> None:
    arguments = init(view())["ClusterConfiguration"]["apiServer"]["extraArgs"]
    assert arguments == {"audit-log-maxage": "7", "profiling": "false"}


def test_what_the_image_says_stands_where_nothing_else_is_said() -> None:
    documents = init(view())
    whole = documents["ClusterConfiguration"]
    assert whole["imageRepository"] == "sea.hub:5000/library"
    assert whole["networking"] == {
        "podSubnet": "10.0.128.0/17",
        "serviceSubnet": "10.96.0.0/22",
        "dnsDomain": "example.internal",
    }
    assert whole["apiServer"]["extraArgs"] == {"audit-log-maxage": "7", "profiling": "false"}
    assert documents["KubeletConfiguration"]["maxPods"] == 200
    assert documents["KubeProxyConfiguration"]["ipvs"] == {"syncPeriod": "30s"}
    assert str(networks(view()).pods[0]) == "10.0.128.0/17"


def test_what_is_observed_and_computed_counts_more_than_the_image() -> None:
    documents = init(view(env={"PodCIDR": "172.20.0.0/16"}))
    first = documents["InitConfiguration"]
    assert first["localAPIEndpoint"]["advertiseAddress"] == "10.0.0.1"
    assert first["nodeRegistration"]["criSocket"] == "unix:///run/containerd/containerd.sock"
    assert first["nodeRegistration"]["kubeletExtraArgs"] == {"max-pods": "200", "node-ip": "10.0.0.1"}
    assert documents["KubeletConfiguration"]["cgroupDriver"] == "systemd"
    whole = documents["ClusterConfiguration"]
    assert whole["kubernetesVersion"] == "v1.20.2"
    assert whole["networking"]["podSubnet"] == "172.20.0.0/16"
    assert {"image.example", "10.0.0.1"} <= set(whole["apiServer"]["certSANs"])


def test_the_users_word_counts_most_field_by_field() -> None:
    documents = init(
        view(
            {
                "kind": "ClusterConfiguration",
                "networking": {"dnsDomain": "user.internal"},
                "apiServer": {"certSANs": ["user.example"], "extraArgs": {"profiling": "true"}},
            },
            {"kind": "KubeletConfiguration", "maxPods": 50},
            {"kind": "KubeProxyConfiguration", "mode": "iptables"},
        )
    )
    whole = documents["ClusterConfiguration"]
    assert whole["networking"]["dnsDomain"] == "user.internal"
    assert whole["networking"]["podSubnet"] == "10.0.128.0/17"
    assert {"image.example", "user.example"} <= set(whole["apiServer"]["certSANs"])
    assert whole["apiServer"]["extraArgs"] == {"audit-log-maxage": "7", "profiling": "true"}
    assert documents["KubeletConfiguration"]["maxPods"] == 50
    proxy = documents["KubeProxyConfiguration"]
    assert (proxy["mode"], proxy["ipvs"]) == ("iptables", {"syncPeriod": "30s"})


def test_fields_that_an_api_version_has_dropped_are_left_out() -> None:
    old, newer, newest = (
        init(view(version=v))["ClusterConfiguration"] for v in ("v1.20.2", "v1.28.3", "v1.33.1")
    )
    assert old["dns"] == {"type": "CoreDNS"}
    assert "type" not in newer["dns"]
    assert newer["apiServer"]["timeoutForControlPlane"] == "5m0s"
    assert "timeoutForControlPlane" not in newest["apiServer"]
    assert {"name": "profiling", "value": "false"} in newest["apiServer"]["extraArgs"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ClusterConfiguration", {"apiServer": {"timeoutForControlPlane": "9m0s"}}),
        ("InitConfiguration", {"timeouts": {"controlPlaneComponentHealthCheck": "9m0s"}}),
    ],
)
def test_how_long_kubeadm_waits_is_written_where_the_release_reads_it(
    kind: str, said: dict[str, object]
) -> None:
    document = {"kind": kind, **said}
    old, new = (init(view(document, version=version)) for version in ("v1.28.3", "v1.33.1"))
    assert old["ClusterConfiguration"]["apiServer"]["timeoutForControlPlane"] == "9m0s"
    assert "timeouts" not in old["InitConfiguration"]
    assert new["InitConfiguration"]["timeouts"] == {"controlPlaneComponentHealthCheck": "9m0s"}


def test_how_long_a_host_that_joins_looks_for_the_cluster_is_the_users_to_say() -> None:
    def joined(said: dict[str, object], version: str) -> dict[str, Any]:
        seen = view({"kind": "JoinConfiguration", **said}, version=version)
        found: dict[str, Any] = yaml.safe_load(
            join_configuration(seen, seen.hosts[1], token="t.t", discovery="/d")
        )
        return found

    for said in ({"discovery": {"timeout": "9m0s"}}, {"timeouts": {"discovery": "9m0s"}}):
        old, new = joined(said, "v1.28.3"), joined(said, "v1.33.1")
        assert (old["discovery"]["timeout"], old.get("timeouts")) == ("9m0s", None)
        assert new["timeouts"]["discovery"] == "9m0s"
        assert "timeout" not in new["discovery"]


def test_a_kubeadm_config_is_told_apart_into_kubeadms_documents() -> None:
    seen = view(
        {
            "apiVersion": "sealer.io/v1",
            "kind": "KubeadmConfig",
            "spec": {
                "nodeRegistration": {"kubeletExtraArgs": {"v": "4"}},
                "apiServer": {"certSANs": ["own.example"]},
                "clusterDomain": "own.internal",
                "patches": {"directory": "/etc/kubernetes/patches"},
                "discovery": {"timeout": "9m0s"},
            },
        }
    )
    documents = init(seen)
    assert documents["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"]["v"] == "4"
    assert "own.example" in documents["ClusterConfiguration"]["apiServer"]["certSANs"]
    assert documents["ClusterConfiguration"]["networking"]["dnsDomain"] == "own.internal"
    joined = yaml.safe_load(join_configuration(seen, seen.hosts[1], token="t.t", discovery="/d"))
    assert joined["nodeRegistration"]["kubeletExtraArgs"]["v"] == "4"
    assert joined["discovery"]["timeout"] == "9m0s"
    for document in (documents["InitConfiguration"], joined):
        assert document["patches"] == {"directory": "/etc/kubernetes/patches"}
    assert not {"patches", "discovery"} & set(documents["ClusterConfiguration"])


def test_settings_of_another_runtime_are_refused() -> None:
    document = {"apiVersion": "sealer.io/v1", "kind": "OtherConfig", "spec": {}}
    with pytest.raises(PlanError, match="takes no document of kind OtherConfig"):
        init(view(document))


@pytest.mark.parametrize("text", ["a: [", "- a\n", "a: b\n---\njust text\n"])
def test_a_file_of_the_image_that_is_damaged_is_named(text: str) -> None:
    metadata = replace(image(), files={IMAGE_FILE: text})
    with pytest.raises(PlanError, match=r"etc/kubeadm\.yml of image kubernetes:v1\.20\.2"):
        init(cluster(image=metadata))
