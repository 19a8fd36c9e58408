"""What k3s is told in its files."""

from __future__ import annotations

import re
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
from sealer_runtime_k3s.checks import FreePorts, SettingsKnown, all_checks, traffic
from sealer_runtime_k3s.config import (
    configuration,
    has_etcd,
    networks,
    registries,
    sandbox_image,
    tunnel_port,
)
from sealer_runtime_k3s.control_groups import ControlGroups
from sealer_runtime_k3s.runtime import K3s
from sealer_runtime_k3s.units import environment_file, unit_change
from sealer_runtime_k3s.version import image_version
from tests.plugins import kit
from tests.plugins.kit import AMD64, CACHING, OUTSIDE, REGISTRY, facts, host
from tests.plugins.runtime_k3s.samples import IMAGE, image


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def document(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "k3s.cattle.io/v1", "kind": "K3sConfig", "spec": spec}


def settings(view: Cluster, number: int = 0) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(configuration(view, view.hosts[number]))
    return loaded


def told(view: Cluster, number: int) -> str:
    return environment_file(view, view.hosts[number]).content


def test_nodes_become_ready_unless_the_user_wants_another_network() -> None:
    assert K3s().becomes_ready(cluster())
    assert not K3s().becomes_ready(cluster(documents=(document(**{"flannel-backend": "none"}),)))


def test_the_first_master_begins_a_cluster_that_others_can_join() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3))
    assert "K3S_CLUSTER_INIT=true\n" in told(view, 0)
    assert "K3S_URL" not in told(view, 0)
    for number in (1, 2):
        assert "K3S_URL=https://10.0.0.1:6443\n" in told(view, number)
        assert "CLUSTER_INIT" not in told(view, number)
    assert "agent-token-file" not in settings(view, 2)


def test_no_host_starts_anew_because_another_comes_or_goes() -> None:
    """What a running k3s is restarted for is the same whoever else is in the cluster."""
    three, two = cluster(host(1, MASTER), host(2, MASTER), host(3)), cluster(host(2, MASTER), host(3))
    assert settings(three, 1) == settings(two, 0)
    assert settings(three, 2) == settings(two, 1)
    assert unit_change(three, three.hosts[1]) == unit_change(two, two.hosts[0])


def test_servers_with_a_database_of_the_users_have_no_etcd_and_join_nobody() -> None:
    given = document(**{"datastore-endpoint": "postgres://db.example/k3s"})
    view = cluster(host(1, MASTER), host(2, MASTER), host(3), documents=(given,))
    assert not has_etcd(view)
    assert told(view, 0) == told(view, 1) == "# Written by Sealer.\n"
    assert "K3S_URL" in told(view, 2)
    assert not {2379, 2380} & {way.port for way in traffic(view)}


@pytest.mark.parametrize(
    ("version", "shared"),
    [
        ("v1.21.2+k3s1", False),
        ("v1.28.15+k3s1", False),
        ("v1.29.11+k3s1", False),
        ("v1.29.12+k3s1", True),
        ("v1.30.7+k3s1", False),
        ("v1.30.8+k3s1", True),
        ("v1.31.3+k3s1", False),
        ("v1.31.4+k3s1", True),
        ("v1.32.0+k3s1", True),
        ("v1.36.1+k3s2", True),
    ],
)
def test_nodes_share_container_images_where_k3s_can_do_that(version: str, shared: bool) -> None:
    view = cluster(host(1, MASTER), host(2), image=image(version))
    assert settings(view).get("embedded-registry", False) is shared
    assert "embedded-registry" not in settings(view, 1)
    assert (5001 in {way.port for way in traffic(view)}) is shared
    assert (5001 in FreePorts().ports(view, view.hosts[1])) is shared


def test_nodes_share_no_container_images_when_there_is_nothing_to_share_or_nobody_wants_it() -> None:
    new = image("v1.33.1+k3s1")
    runtime = ContainerRuntimeSettings(socket="/run/c.sock", cgroup_driver="systemd")
    assert "embedded-registry" not in settings(cluster(image=new, registry=None))
    assert "embedded-registry" not in settings(cluster(image=new, container_runtime=runtime))
    refused = cluster(image=new, documents=(document(**{"embedded-registry": False}),))
    assert settings(refused)["embedded-registry"] is False
    assert 5001 not in {way.port for way in traffic(refused)}


def test_old_control_groups_are_refused_where_the_kubelet_refuses_them_unless_it_is_told_otherwise() -> None:
    old = host(1, MASTER, facts=facts("n1", cgroup_version=1))

    def refused(version: str, **settings: object) -> bool:
        documents = (document(**settings),) if settings else ()
        view = cluster(old, image=image(version), documents=documents)
        (check,) = (one for one in all_checks() if isinstance(one, ControlGroups))
        return bool(list(check.evaluate(view)))

    assert refused("v1.35.2+k3s1")
    assert not refused("v1.34.4+k3s1")
    assert not list(ControlGroups().evaluate(cluster(host(1, MASTER), image=image("v1.35.2+k3s1"))))
    assert not refused("v1.35.2+k3s1", **{"kubelet-arg": "fail-cgroupv1=false"})
    assert not refused("v1.35.2+k3s1", **{"kubelet-arg+": ["v=2", "--fail-cgroupv1=false"]})
    assert refused("v1.35.2+k3s1", **{"kubelet-arg": ["v=2", "fail-cgroupv1=true"]})


def test_settings_that_k3s_does_not_know_are_named_with_what_was_meant() -> None:
    view = cluster(documents=(document(**{"flanel-backend": "none", "kubelet-arg+": ["v=2"]}),))
    (found,) = SettingsKnown().evaluate(view)
    assert "flanel-backend" in found.found
    assert "flannel-backend" in found.mend


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


@pytest.mark.parametrize(
    "key", ["token", "server", "node-name", "agent-token+", "cluster-reset", "data-dir", "private-registry"]
)
def test_what_sealer_sets_for_each_host_is_refused(key: str) -> None:
    view = cluster(documents=(document(**{key: "x"}),))
    with pytest.raises(PlanError, match=re.escape(key)):
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


def test_what_the_registry_lacks_is_asked_of_its_cache_as_upstream_would_be() -> None:
    loaded = yaml.safe_load(registries(CACHING, ("docker.io", "quay.io")))
    # Names are not rewritten: that would go for the cache too.
    assert loaded["mirrors"]["docker.io"] == {
        "endpoint": ["https://sea.hub:5000/v2/docker.io", "https://cache.sea.hub:5001"]
    }
    assert loaded["mirrors"]["quay.io"]["rewrite"] == {"^(.*)$": "quay.io/$1"}
    assert loaded["configs"]["cache.sea.hub:5001"] == loaded["configs"]["sea.hub:5000"]


def test_a_registry_outside_may_need_no_account_and_no_authority_of_its_own() -> None:
    loaded = yaml.safe_load(registries(OUTSIDE, ("docker.io",)))
    assert loaded["mirrors"]["docker.io"]["rewrite"] == {"^(.*)$": "team/docker.io/$1"}
    assert loaded["configs"] == {"hub.example:5000": {}}


@pytest.mark.parametrize("label", [None, "latest", "v1.20.8+k3s1"])
def test_an_image_without_a_version_that_can_be_installed_is_refused(label: str | None) -> None:
    labels = {key: text for key, text in IMAGE.labels.items() if key != RUNTIME_VERSION_LABEL}
    if label is not None:
        labels[RUNTIME_VERSION_LABEL] = label
    with pytest.raises(PlanError):
        image_version(replace(IMAGE, labels=labels))
