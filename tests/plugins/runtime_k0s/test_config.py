"""What k0s is told in its files."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealer.changes import Command, File
from sealer.errors import PlanError
from sealer.model import MASTER, RUNTIME_VERSION_LABEL, Cluster, Host, fill, used_values
from sealer_runtime_k0s.config import accounts, configuration, has_etcd, is_worker, networks, ports
from sealer_runtime_k0s.containerd import hosts_toml, mirrors, prepared
from sealer_runtime_k0s.version import image_version, parse_version
from tests.plugins import kit
from tests.plugins.kit import CACHING, OUTSIDE, REGISTRY, facts, host
from tests.plugins.runtime_k0s.samples import IMAGE, OLD_VERSION, VERSION, image


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def document(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig", "spec": spec}


def spec(view: Cluster, number: int = 0) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(configuration(view, view.hosts[number]))
    return loaded["spec"]  # type: ignore[no-any-return]  # a mapping, as tests see


def text_of(*changes: object) -> dict[str, str]:
    """Return the files among changes, with a word in place of each value that is filled in later."""
    files = [change for change in changes if isinstance(change, File)]
    found = {name: f"filled-{name[1]}" for name in used_values(tuple(files))}
    return {file.path: str(fill(file, found).content) for file in files}


def test_controllers_differ_in_their_own_addresses_alone() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER))
    first, second = spec(view), spec(view, 1)
    assert first["api"]["address"] == first["storage"]["etcd"]["peerAddress"] == "10.0.0.1"
    assert second["api"].pop("address") == "10.0.0.2"
    assert second["api"].pop("sans") == ["10.0.0.2"]
    assert second["storage"]["etcd"].pop("peerAddress") == "10.0.0.2"
    del first["api"]["address"], first["api"]["sans"], first["storage"]["etcd"]["peerAddress"]
    assert first == second


def test_what_comes_and_goes_beside_it_changes_nothing_on_a_controller() -> None:
    alone, among = cluster(host(1, MASTER)), cluster(host(1, MASTER), host(2, MASTER), host(3))
    assert configuration(alone, alone.hosts[0]) == configuration(among, among.hosts[0])


def test_workers_have_a_balancer_of_their_own_where_k0s_has_it() -> None:
    new, old = spec(cluster()), spec(cluster(image=image(OLD_VERSION)))
    assert new["network"]["nodeLocalLoadBalancing"] == {"enabled": True}
    assert "externalAddress" not in new["api"]
    assert old["api"]["externalAddress"] == "10.0.0.1"
    assert "nodeLocalLoadBalancing" not in old["network"]


@pytest.mark.parametrize("version", [VERSION, OLD_VERSION])
def test_a_balancer_of_the_user_takes_the_place_of_ours(version: str) -> None:
    given = document(api={"externalAddress": "api.example"})
    found = spec(cluster(image=image(version), documents=(given,)))
    assert found["api"]["externalAddress"] == "api.example"
    assert "nodeLocalLoadBalancing" not in found["network"]


def test_tunnels_to_the_api_server_and_a_balancer_exclude_each_other() -> None:
    view = cluster(documents=(document(api={"tunneledNetworkingMode": True}),))
    assert "nodeLocalLoadBalancing" not in spec(view)["network"]


def test_nobody_outside_is_told_of_the_cluster_unless_the_user_wants_it() -> None:
    assert spec(cluster())["telemetry"] == {"enabled": False}
    assert spec(cluster(documents=(document(telemetry={"enabled": True}),)))["telemetry"] == {"enabled": True}


def test_the_image_yields_to_what_is_computed_and_that_to_the_user() -> None:
    text = yaml.safe_dump(
        document(
            network={"provider": "calico", "podCIDR": "10.7.0.0/16", "serviceCIDR": "10.8.0.0/16"},
            api={"sans": ["image.example"], "port": 6444},
        )
    )
    view = cluster(
        host(1, MASTER, env={"CertSANs": "one.example, two.example"}),
        image=replace(IMAGE, files={"etc/k0s.yaml": text}),
        env={"PodCIDR": "10.9.0.0/16"},
        documents=(document(network={"serviceCIDR": "10.10.0.0/16"}, api={"sans": ["user.example"]}),),
    )
    found = spec(view)
    assert found["network"]["provider"] == "calico"
    assert found["network"]["podCIDR"] == "10.9.0.0/16"
    assert found["network"]["serviceCIDR"] == "10.10.0.0/16"
    names = ["image.example", "10.0.0.1", "one.example", "two.example", "user.example"]
    assert found["api"]["sans"] == names
    assert ports(view) == (6444, 9443, 8132)


@pytest.mark.parametrize(
    "given", [{"api": {"address": "10.0.0.9"}}, {"storage": {"etcd": {"peerAddress": "10.0.0.9"}}}]
)
def test_what_sealer_sets_for_each_host_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="for each host"):
        spec(cluster(documents=(document(**given),)))


def test_another_kind_of_k0s_is_refused_and_documents_of_others_are_left_alone() -> None:
    other = {**document(), "kind": "Cluster"}
    with pytest.raises(PlanError, match="kind"):
        spec(cluster(documents=(other,)))
    foreign = {"apiVersion": "kubeadm.k8s.io/v1beta3", "kind": "ClusterConfig", "spec": {"api": 1}}
    assert spec(cluster(documents=(foreign,))) == spec(cluster())


@pytest.mark.parametrize("text", ["a: [", "- a", "spec: [a]"])
def test_a_file_of_the_image_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"etc/k0s\.yaml"):
        spec(cluster(image=replace(IMAGE, files={"etc/k0s.yaml": text})))


@pytest.mark.parametrize(
    "env",
    [
        {"PodCIDR": "10.96.0.0/17"},
        {"PodCIDR": "10.8.0.1/16"},
        {"SvcCIDR": "x"},
        {"SvcCIDR": "fd00::/108,10.0.0.0/8"},
    ],
)
def test_networks_that_can_not_be_are_refused(env: dict[str, str]) -> None:
    with pytest.raises(PlanError):
        networks(cluster(env=env))


def test_two_families_are_a_dual_stack() -> None:
    env = {"PodCIDR": "10.8.0.0/16,fd00:8::/108", "SvcCIDR": "10.9.0.0/16,fd00:9::/108"}
    view = cluster(env=env)
    assert spec(view)["network"]["dualStack"] == {
        "enabled": True,
        "IPv6podCIDR": "fd00:8::/108",
        "IPv6serviceCIDR": "fd00:9::/108",
    }
    assert [network.version for both in networks(view) for network in both] == [4, 6, 4, 6]


def test_ip_version_6_alone_takes_a_k0s_that_can() -> None:
    env = {"PodCIDR": "fd00:8::/108", "SvcCIDR": "fd00:9::/108"}
    with pytest.raises(PlanError, match="version 4"):
        networks(cluster(env=env))
    assert networks(cluster(env=env, image=image("v1.34.1+k0s.0")))[1][0].version == 6


def test_another_store_than_etcd_has_no_members() -> None:
    assert has_etcd(cluster())
    kine = document(storage={"type": "kine", "kine": {"dataSource": "mysql://x"}})
    external = document(storage={"etcd": {"externalCluster": {"endpoints": ["https://x:2379"]}}})
    for given in (kine, external):
        view = cluster(documents=(given,))
        assert not has_etcd(view)
        assert "peerAddress" not in str(spec(view))


def test_accounts_are_those_of_the_configuration() -> None:
    assert accounts(cluster()) == ("etcd", "kube-apiserver", "konnectivity-server", "kube-scheduler")
    given = document(installConfig={"users": {"etcdUser": "store"}})
    assert accounts(cluster(documents=(given,)))[0] == "store"


def test_a_controller_is_no_worker_when_it_is_not_to_be() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER, env={"EnableWorker": "false"}), host(3))
    assert [is_worker(view, one) for one in view.hosts] == [True, False, True]
    for wrong in (
        {"env": {"EnableWorker": "perhaps"}},
        {"env": {"EnableWorker": "False"}, "labels": {"a": "b"}},
    ):
        bad = cluster(host(1, MASTER, **wrong))
        with pytest.raises(PlanError):
            is_worker(bad, bad.hosts[0])


def refusing() -> Host:
    return host(1, MASTER, facts=facts("n1", answers={"k0s/oom": "refused"}))


def test_a_k0s_that_writes_no_file_of_containerd_gets_all_of_it_from_us() -> None:
    view = cluster(refusing(), image=image(OLD_VERSION))
    assert not list(prepared(view, view.hosts[0]))
    files = text_of(
        *mirrors(view, view.hosts[0], REGISTRY, ("docker.io", "registry.example:5000", "sea.hub:5000"))
    )
    cri = tomllib.loads(files["/etc/k0s/containerd.toml"])["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["registry"]["mirrors"] == {
        "docker.io": {"endpoint": ["https://sea.hub:5000/v2/docker.io", "https://registry-1.docker.io"]},
        "registry.example:5000": {
            "endpoint": ["https://sea.hub:5000/v2/registry.example_5000", "https://registry.example:5000"]
        },
    }
    (access,) = cri["registry"]["configs"].values()
    assert access["auth"] == {"auth": "filled-credentials"}
    assert access["tls"]["ca_file"] in files


def test_a_registry_outside_may_need_no_account_and_no_authority_of_its_own() -> None:
    old, new = (cluster(refusing(), image=image(version)) for version in (OLD_VERSION, VERSION))
    files = text_of(*mirrors(old, old.hosts[0], OUTSIDE, ("quay.io",)))
    registry = tomllib.loads(files["/etc/k0s/containerd.toml"])["plugins"]["io.containerd.grpc.v1.cri"][
        "registry"
    ]
    assert registry["mirrors"]["quay.io"]["endpoint"][0] == "https://hub.example:5000/v2/team/quay.io"
    assert "configs" not in registry
    files = text_of(*mirrors(new, new.hosts[0], OUTSIDE, ("quay.io",)))
    (way,) = tomllib.loads(files["/etc/k0s/certs.d/quay.io/hosts.toml"])["host"].values()
    assert way == {"capabilities": ["pull", "resolve"], "override_path": True}


def test_a_containerd_that_reads_a_file_for_each_registry_gets_those() -> None:
    for version in ("v1.22.17+k0s.0", VERSION, "v1.36.0+k0s.0"):
        view = cluster(refusing(), image=image(version))
        files = text_of(*mirrors(view, view.hosts[0], REGISTRY, ("docker.io",)))
        mirror = tomllib.loads(files["/etc/k0s/certs.d/docker.io/hosts.toml"])
        (way,) = mirror["host"].values()
        assert way["override_path"] is True
        assert way["header"] == {"Authorization": "Basic filled-credentials"}
        assert way["ca"] in files
        assert "/etc/k0s/certs.d/sea.hub:5000/hosts.toml" in files


@pytest.mark.parametrize(
    ("version", "path", "runtime", "images"),
    [
        ("v1.22.17+k0s.0", "containerd.toml", "io.containerd.grpc.v1.cri", "io.containerd.grpc.v1.cri"),
        (VERSION, "containerd.d/sealer.toml", "io.containerd.grpc.v1.cri", "io.containerd.grpc.v1.cri"),
        (
            "v1.36.0+k0s.0",
            "containerd.d/sealer.toml",
            "io.containerd.cri.v1.runtime",
            "io.containerd.cri.v1.images",
        ),
    ],
)
def test_containerd_is_told_where_those_files_are(version: str, path: str, runtime: str, images: str) -> None:
    view = cluster(refusing(), image=image(version))
    files = text_of(*prepared(view, view.hosts[0]))
    settings = tomllib.loads(files[f"/etc/k0s/{path}"])
    assert settings["version"] == (3 if images.endswith("images") else 2)
    assert settings["plugins"][runtime]["restrict_oom_score_adj"] is True
    assert settings["plugins"][images]["registry"]["config_path"] == "/etc/k0s/certs.d"


def test_a_file_of_an_earlier_k0s_makes_room_and_comes_back(tmp_path: Path) -> None:
    view = cluster()
    (aside,) = (change for change in prepared(view, view.hosts[0]) if isinstance(change, Command))
    file = tmp_path / "containerd.toml"

    def run(script: str) -> bool:
        text = script.replace("/etc/k0s/containerd.toml", str(file))
        return subprocess.run(["sh"], input=text, text=True, check=False, capture_output=True).returncode == 0

    assert run(aside.unless)
    file.write_text("# k0s_managed=true\n")
    assert run(aside.unless)
    earlier = cluster(image=image("v1.26.0+k0s.0"))
    (ours,) = (str(change.content) for change in prepared(earlier, view.hosts[0]) if isinstance(change, File))
    file.write_text(ours)
    assert not run(aside.unless)
    assert run(aside.run)
    assert run(aside.unless)
    assert run(aside.revert)
    assert file.read_text() == ours


def test_the_registry_itself_is_no_mirror_of_itself() -> None:
    way = tomllib.loads(hosts_toml(REGISTRY.netloc, REGISTRY))["host"]["https://sea.hub:5000/v2"]
    assert "override_path" not in way


def test_what_the_registry_lacks_is_asked_of_its_cache_as_upstream_would_be() -> None:
    old, new = (cluster(image=image(version)) for version in (OLD_VERSION, VERSION))
    files = text_of(*mirrors(old, old.hosts[0], CACHING, ("docker.io", "quay.io")))
    cri = tomllib.loads(files["/etc/k0s/containerd.toml"])["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["registry"]["mirrors"]["docker.io"]["endpoint"] == [
        "https://sea.hub:5000/v2/docker.io",
        "https://cache.sea.hub:5001",
        "https://registry-1.docker.io",
    ]
    assert len(cri["registry"]["mirrors"]["quay.io"]["endpoint"]) == 2
    registry, cache = (cri["registry"]["configs"][name] for name in ("sea.hub:5000", "cache.sea.hub:5001"))
    assert registry == cache
    files = text_of(*mirrors(new, new.hosts[0], CACHING, ("docker.io", "quay.io")))
    ways = tomllib.loads(files["/etc/k0s/certs.d/docker.io/hosts.toml"])["host"]
    first, last = ways
    assert (first, last) == ("https://sea.hub:5000/v2/docker.io", "https://cache.sea.hub:5001/v2")
    assert {**ways[last], "override_path": True} == ways[first]
    assert len(tomllib.loads(files["/etc/k0s/certs.d/quay.io/hosts.toml"])["host"]) == 1


def test_secrets_are_in_files_for_root_alone() -> None:
    for version in (OLD_VERSION, VERSION):
        kept = 0
        view = cluster(image=image(version))
        for change in mirrors(view, view.hosts[0], REGISTRY, ("docker.io",)):
            if isinstance(change, File) and "credentials" in {key for _, key in used_values((change,))}:
                assert change.mode == 0o600
                kept += 1
        assert kept > 0


@pytest.mark.parametrize("label", [None, "latest", "v1.19.8+k0s.0"])
def test_an_image_without_a_version_that_can_be_installed_is_refused(label: str | None) -> None:
    labels = {key: text for key, text in IMAGE.labels.items() if key != RUNTIME_VERSION_LABEL}
    if label is not None:
        labels[RUNTIME_VERSION_LABEL] = label
    with pytest.raises(PlanError):
        image_version(replace(IMAGE, labels=labels))


def test_versions_are_read_and_written_alike() -> None:
    for text in ("v1.33.1+k0s.0", "v1.34.0-rc.1+k0s.1", "v1.20.6"):
        assert str(parse_version(text)) == text
    assert parse_version("1.33") is None
