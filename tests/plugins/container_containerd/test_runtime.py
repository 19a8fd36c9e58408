"""The steps and changes that containerd declares."""

from __future__ import annotations

from pathlib import Path

from sealer.changes import Cleanup, File, OwnedPath, Unit
from sealer.model import MASTER, used_values
from sealer_container_containerd import sealer_container_runtimes
from sealer_container_containerd.runtime import Containerd
from tests.plugins.kit import REGISTRY, assert_golden, assert_parses, cluster, facts, host, image, plan_text


def test_the_plugin_provides_containerd() -> None:
    assert [runtime.name for runtime in sealer_container_runtimes()] == ["containerd"]


def test_the_plan_of_a_host_is_as_it_was_agreed() -> None:
    view = cluster(host(1, MASTER))
    text = plan_text(Containerd().install(view, view.first_master))
    assert_golden(Path(__file__).with_name("install.golden.yaml"), text)


def test_every_script_of_the_plan_parses() -> None:
    view = cluster()
    for step in Containerd().install(view, view.first_master):
        assert_parses(step)


def test_a_step_provides_the_runtime_of_its_host_from_the_images_files() -> None:
    view = cluster()
    (step,) = Containerd().install(view, view.hosts[1])
    assert step.host == "10.0.0.2"
    assert step.provides == ("container-runtime@10.0.0.2",)
    assert step.requires == ("rootfs@10.0.0.2",)


def test_claims_and_the_end_of_containers_stand_before_the_unit() -> None:
    view = cluster()
    (step,) = Containerd().install(view, view.first_master)
    kinds = [type(change) for change in step.changes]
    unit = kinds.index(Unit)
    claims = [number for number, kind in enumerate(kinds) if kind is OwnedPath]
    ends = kinds.index(Cleanup)
    assert max(claims) < ends < unit


def test_oom_scores_are_restricted_where_the_host_refuses_them() -> None:
    refusing = host(1, MASTER, facts=facts(answers={"containerd/oom": "refused"}))
    (step,) = Containerd().install(cluster(refusing), refusing)
    config = next(c for c in step.changes if isinstance(c, File) and c.path.endswith("config.toml"))
    assert "restrict_oom_score_adj = true" in str(config.content)


def test_systemd_drives_cgroups_only_where_it_runs_everywhere() -> None:
    runtime = Containerd()
    other = host(2, facts=facts("n2", init="openrc"))
    assert runtime.settings(image(), [host(1), host(3)]).cgroup_driver == "systemd"
    assert runtime.settings(image(), [host(1), other]).cgroup_driver == "cgroupfs"


def test_mirrors_cover_each_domain_and_the_registry_once() -> None:
    files = Containerd().mirrors(REGISTRY, ["docker.io", "quay.io", "sea.hub:5000"])
    paths = [file.path for file in files if isinstance(file, File)]
    below = "/etc/containerd/certs.d"
    assert paths == [
        f"{below}/sea.hub:5000/ca.crt",
        f"{below}/sea.hub:5000/hosts.toml",
        f"{below}/docker.io/hosts.toml",
        f"{below}/quay.io/hosts.toml",
    ]


def test_files_with_credentials_are_for_root_alone() -> None:
    for change in Containerd().mirrors(REGISTRY, ["docker.io"]):
        assert isinstance(change, File)
        secret = ("registry", "credentials") in used_values(change)
        assert secret == (change.mode == 0o600)
        assert secret == change.path.endswith("hosts.toml")
