"""The texts of containerd's files."""

from __future__ import annotations

import dataclasses
import tomllib
from typing import Any

from sealer.model import fill
from sealer_container_containerd.config import config_toml, hosts_toml, unit_text
from tests.plugins.kit import CACHE, CACHING, OUTSIDE, REGISTRY

CRI = "io.containerd.grpc.v1.cri"
VALUES = {("registry", "credentials"): "c2VhbGVyOnNlY3JldA=="}


def parse(text: str) -> Any:
    return tomllib.loads(text)


def test_the_configuration_says_what_the_cluster_needs() -> None:
    text = config_toml(sandbox="k8s.gcr.io/pause:3.2", cgroup_driver="systemd", restrict_oom=False)
    config = parse(text)
    cri = config["plugins"][CRI]
    assert config["version"] == 2
    assert cri["sandbox_image"] == "k8s.gcr.io/pause:3.2"
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    assert cri["cni"] == {"bin_dir": "/opt/cni/bin", "conf_dir": "/etc/cni/net.d"}
    assert cri["registry"] == {"config_path": "/etc/containerd/certs.d"}
    assert "restrict_oom_score_adj" not in cri


def test_another_cgroup_driver_and_a_host_that_refuses_oom_scores_show() -> None:
    cri = parse(config_toml(sandbox=None, cgroup_driver="cgroupfs", restrict_oom=True))["plugins"][CRI]
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
    assert cri["restrict_oom_score_adj"] is True
    assert "sandbox_image" not in cri


def test_a_mirror_asks_the_registry_below_the_domain_with_its_credentials() -> None:
    text = fill(hosts_toml("docker.io", REGISTRY, "/ca.crt"), VALUES)
    host = {
        "capabilities": ["pull", "resolve"],
        "ca": "/ca.crt",
        "header": {"Authorization": "Basic c2VhbGVyOnNlY3JldA=="},
    }
    assert list(parse(text)["host"].items()) == [
        ("https://sea.hub:5000/v2/docker.io", {**host, "override_path": True}),
        # Where the Go tool puts images of every domain.
        ("https://sea.hub:5000/v2", host),
    ]


def test_what_the_registry_lacks_is_asked_of_its_cache_as_upstream_would_be() -> None:
    hosts = parse(fill(hosts_toml("docker.io", CACHING, "/ca.crt"), VALUES))["host"]
    *before, last = hosts
    assert before == ["https://sea.hub:5000/v2/docker.io", "https://sea.hub:5000/v2"]
    assert last == f"https://{CACHE.netloc}/v2" == "https://cache.sea.hub:5001/v2"
    assert hosts[last] == hosts["https://sea.hub:5000/v2"]
    assert hosts_toml("quay.io", CACHING, "/ca.crt") == hosts_toml("quay.io", REGISTRY, "/ca.crt")


def test_a_mirror_names_no_server_so_that_upstream_is_asked_next() -> None:
    assert "server" not in parse(hosts_toml("quay.io", REGISTRY, "/ca.crt"))


def test_a_port_is_written_with_an_underscore_in_the_registry() -> None:
    assert (
        "https://sea.hub:5000/v2/localhost_5001"
        in parse(hosts_toml("localhost:5001", REGISTRY, "/ca.crt"))["host"]
    )


def test_the_registry_itself_is_asked_by_its_own_paths() -> None:
    registry = dataclasses.replace(REGISTRY, domain="hub.example", port=443)
    for written in ("hub.example", "hub.example:443"):
        (address, host) = parse(hosts_toml(written, registry, "/ca.crt"))["host"].popitem()
        assert address == "https://hub.example/v2"
        assert "override_path" not in host


def test_a_registry_outside_may_need_no_account_and_no_authority_of_its_own() -> None:
    (address, host) = parse(hosts_toml("quay.io", OUTSIDE, "/ca.crt"))["host"].popitem()
    assert address == "https://hub.example:5000/v2/team/quay.io"
    assert host == {"capabilities": ["pull", "resolve"], "override_path": True}


def test_containers_outlive_a_restart_of_the_unit() -> None:
    lines = unit_text("demo").splitlines()
    assert lines[0] == "# Written by Sealer for the cluster demo"
    assert "KillMode=process" in lines
    assert "Delegate=yes" in lines
