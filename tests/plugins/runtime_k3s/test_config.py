"""What k3s is told in its files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from sealer.errors import PlanError
from sealer.model import (
    MASTER,
    RUNTIME_VERSION_LABEL,
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Host,
)
from sealer_runtime_k3s.config import configuration, networks, registries, sandbox_image, tunnel_port
from sealer_runtime_k3s.version import image_version
from tests.plugins import kit
from tests.plugins.kit import AMD64, REGISTRY, host
from tests.plugins.runtime_k3s.samples import IMAGE


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def document(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "k3s.cattle.io/v1", "kind": "K3sConfig", "spec": spec}


def settings(view: Cluster, number: int = 0) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(configuration(view, view.hosts[number]))
    return loaded


def test_the_first_master_begins_a_cluster_that_others_can_join() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3))
    first, second, node = (settings(view, number) for number in range(3))
    assert first["cluster-init"] is True
    assert "server" not in first
    assert second["server"] == node["server"] == "https://10.0.0.1:6443"
    assert "cluster-init" not in second
    assert "agent-token-file" not in node


def test_settings_of_servers_are_kept_from_agents() -> None:
    given = document(**{"flannel-backend": "host-gw", "disable": ["traefik"], "node-label": ["a=b"]})
    view = cluster(host(1, MASTER), host(2), documents=(given,))
    server, agent = settings(view), settings(view, 1)
    assert server["flannel-backend"] == "host-gw"
    assert server["disable"] == ["traefik"]
    assert "flannel-backend" not in agent
    assert agent["node-label"] == server["node-label"] == ["a=b"]


def test_names_of_the_certificate_are_joined() -> None:
    view = cluster(
        host(1, MASTER, env={"CertSANs": "one.example, two.example"}),
        documents=(document(**{"tls-san": "three.example"}),),
    )
    assert settings(view)["tls-san"] == ["10.0.0.1", "one.example", "two.example", "three.example"]


@pytest.mark.parametrize("key", ["token", "server", "node-name", "agent-token"])
def test_what_sealer_sets_for_each_host_is_refused(key: str) -> None:
    view = cluster(documents=(document(**{key: "x"}),))
    with pytest.raises(PlanError, match=key):
        settings(view)


def test_networks_come_from_the_document_then_the_environment_then_k3s() -> None:
    assert networks(cluster()) == ("10.42.0.0/16", "10.43.0.0/16")
    env = {"PodCIDR": "10.8.0.0/16"}
    assert networks(cluster(env=env))[0] == "10.8.0.0/16"
    given = document(**{"cluster-cidr": "10.9.0.0/16"})
    assert networks(cluster(env=env, documents=(given,)))[0] == "10.9.0.0/16"


@pytest.mark.parametrize(
    ("backend", "port"),
    [(None, 8472), ("vxlan", 8472), ("wireguard-native", 51820), ("host-gw", None), ("none", None)],
)
def test_hosts_send_packets_of_pods_by_the_port_of_their_network(
    backend: str | None, port: int | None
) -> None:
    documents = () if backend is None else (document(**{"flannel-backend": backend}),)
    assert tunnel_port(cluster(documents=documents)) == port


@pytest.mark.parametrize("env", [{"PodCIDR": "10.43.0.0/17"}, {"PodCIDR": "10.8.0.1/16"}, {"SvcCIDR": "x"}])
def test_networks_that_can_not_be_are_refused(env: dict[str, str]) -> None:
    with pytest.raises(PlanError):
        networks(cluster(env=env))


def test_a_container_runtime_of_the_image_is_used_with_its_cgroup_driver() -> None:
    runtime = ContainerRuntimeSettings(socket="/run/c.sock", cgroup_driver="systemd")
    found = settings(cluster(container_runtime=runtime))
    assert found["container-runtime-endpoint"] == "unix:///run/c.sock"
    assert found["kubelet-arg"] == ["cgroup-driver=systemd"]


def test_a_container_runtime_that_is_inside_the_kubelet_is_refused() -> None:
    runtime = ContainerRuntimeSettings(socket="/run/shim.sock", cgroup_driver="systemd", built_in=True)
    with pytest.raises(PlanError, match="k3s can't use a container runtime that has no socket of its own"):
        settings(cluster(container_runtime=runtime))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("docker.io/rancher/mirrored-pause:3.6", True),
        ("k8s.gcr.io/pause:3.2", True),
        ("docker.io/acme/pausebutton:1", False),
    ],
)
def test_the_pause_image_that_was_packed_is_used(name: str, found: bool) -> None:
    assert (sandbox_image((ContainerImage(image=name, platform=AMD64),)) == name) == found


def test_registries_are_yaml_that_rewrites_names() -> None:
    loaded = yaml.safe_load(registries(REGISTRY, ("docker.io", "registry.example:5000", "sea.hub:5000")))
    assert loaded["mirrors"]["registry.example:5000"] == {
        "endpoint": ["https://sea.hub:5000"],
        "rewrite": {"^(.*)$": "registry.example_5000/$1"},
    }
    assert set(loaded["mirrors"]) == {"docker.io", "registry.example:5000"}
    assert set(loaded["configs"]) == {"sea.hub:5000"}


@pytest.mark.parametrize("label", [None, "latest", "v1.20.8+k3s1"])
def test_an_image_without_a_version_that_can_be_installed_is_refused(label: str | None) -> None:
    labels = {key: text for key, text in IMAGE.labels.items() if key != RUNTIME_VERSION_LABEL}
    if label is not None:
        labels[RUNTIME_VERSION_LABEL] = label
    with pytest.raises(PlanError):
        image_version(replace(IMAGE, labels=labels))
