"""The steps and changes that Docker declares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealer.changes import Change, Cleanup, Command, Copy, File, OwnedPath, Unit
from sealer.errors import PlanError
from sealer.model import MASTER, ContainerRuntimeSettings, Host, used_values
from sealer_container_docker import sealer_container_runtimes
from sealer_container_docker.runtime import Docker
from tests.plugins.kit import (
    AMD64,
    OUTSIDE,
    REGISTRY,
    assert_golden,
    assert_parses,
    cluster,
    facts,
    host,
    image,
    plan_text,
)

SHIM = ContainerRuntimeSettings(socket="/var/run/dockershim.sock", cgroup_driver="systemd", built_in=True)
CRI = ContainerRuntimeSettings(socket="/run/cri-dockerd.sock", cgroup_driver="systemd")
THEIRS = {"docker/state": "runs 24.0.6 cgroupfs"}
PROGRAMS = "/usr/local/lib/sealer-docker"


def answering(number: int = 1, **answers: str) -> Host:
    given = {f"docker/{name}": text for name, text in answers.items()}
    return host(number, MASTER, facts=facts(f"n{number}", answers={"docker/state": "none", **given}))


def changes(one: Host, settings: ContainerRuntimeSettings = SHIM) -> tuple[Change, ...]:
    (step,) = Docker().install(cluster(one, container_runtime=settings), one)
    return step.changes


def settings_written(one: Host) -> dict[str, Any]:
    written = [c for c in changes(one) if isinstance(c, File) and c.path == "/etc/docker/daemon.json"]
    found: dict[str, Any] = json.loads(written[0].content)
    return found


def test_the_plugin_provides_docker() -> None:
    assert [runtime.name for runtime in sealer_container_runtimes()] == ["docker"]


@pytest.mark.parametrize("settings", [SHIM, CRI], ids=["shim", "cri"])
def test_the_plan_of_a_host_is_as_it_was_agreed(settings: ContainerRuntimeSettings) -> None:
    view = cluster(answering(), container_runtime=settings)
    (step,) = Docker().install(view, view.first_master)
    assert_parses(step)
    name = "shim" if settings.built_in else "cri"
    assert_golden(Path(__file__).with_name(f"install-{name}.golden.yaml"), plan_text([step]))


@pytest.mark.parametrize(
    ("version", "socket", "endpoint"),
    [
        ("v1.20.2", "/var/run/dockershim.sock", "/var/run/dockershim.sock"),
        ("v1.23.17", "/var/run/dockershim.sock", "/var/run/dockershim.sock"),
        ("v1.24.0", "/run/cri-dockerd.sock", "unix:///run/cri-dockerd.sock"),
        ("v1.33.1", "/run/cri-dockerd.sock", "unix:///run/cri-dockerd.sock"),
        ("unknown", "/run/cri-dockerd.sock", "unix:///run/cri-dockerd.sock"),
    ],
)
def test_kubernetes_decides_how_docker_is_spoken_to(version: str, socket: str, endpoint: str) -> None:
    settings = Docker().settings(image(version), [answering()])
    assert (settings.socket, settings.endpoint) == (socket, endpoint)


@pytest.mark.parametrize(
    ("hosts", "driver"),
    [
        ([answering()], "systemd"),
        ([host(1, facts=facts(init="openrc"))], "cgroupfs"),
        ([answering(state="runs 20.10.24 cgroupfs")], "cgroupfs"),
        ([answering(), answering(2, state="runs 20.10.24 cgroupfs")], "cgroupfs"),
        ([answering(settings='{"exec-opts": ["native.cgroupdriver=cgroupfs"]}')], "cgroupfs"),
        ([answering(settings='{"exec-opts": ["native.cgroupdriver=nonsense"]}')], "systemd"),
        ([answering(settings="{")], "systemd"),
    ],
)
def test_the_cgroup_driver_is_the_one_that_hosts_have(hosts: list[Host], driver: str) -> None:
    assert Docker().settings(image(), hosts).cgroup_driver == driver


def test_settings_of_the_host_win_over_ours() -> None:
    users = {
        "data-root": "/data/docker",
        "live-restore": False,
        "log-driver": "journald",
        "exec-opts": ["native.cgroupdriver=systemd", "other=1"],
        "registry-mirrors": ["https://mirror.example"],
    }
    found = settings_written(answering(settings=json.dumps(users)))
    assert found.items() >= users.items()
    assert found["bridge"] == "none"
    assert "log-opts" not in found


def test_options_of_the_host_stay_beside_the_cgroup_driver() -> None:
    found = settings_written(answering(settings='{"exec-opts": ["other=1"]}'))
    assert found["exec-opts"] == ["native.cgroupdriver=systemd", "other=1"]


def test_merged_settings_merged_again_are_the_same() -> None:
    once = settings_written(answering(settings='{"debug": true}'))
    assert settings_written(answering(settings=json.dumps(once), state="ours demo")) == once


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_settings_that_nobody_can_read_are_refused_with_the_host(text: str) -> None:
    with pytest.raises(PlanError, match=r"daemon\.json of 10\.0\.0\.1 is no JSON object"):
        changes(answering(settings=text))


def test_a_data_root_of_the_hosts_own_is_claimed() -> None:
    claimed = {
        c.path for c in changes(answering(settings='{"data-root": "/data"}')) if isinstance(c, OwnedPath)
    }
    assert "/data" in claimed
    assert "/var/lib/docker" not in claimed


def test_a_docker_that_runs_is_used_and_nothing_of_it_is_changed() -> None:
    found = changes(answering(state="runs 24.0.6 cgroupfs", settings='{"debug": true}'))
    paths = [change.path for change in found if isinstance(change, File | Copy | OwnedPath)]
    assert [
        path for path in paths if "docker" in path and "dockershim" not in path and "cri-" not in path
    ] == []
    assert not [change for change in found if isinstance(change, Unit)]


def test_what_a_containerd_of_the_host_uses_is_not_claimed() -> None:
    def claimed(state: str) -> set[str]:
        return {change.path for change in changes(answering(state=state)) if isinstance(change, OwnedPath)}

    shared = {"/run/containerd", "/opt/containerd"}
    assert claimed("none") >= shared
    assert not claimed("none\nbeside") & shared


def test_programs_are_apart_from_those_of_the_host() -> None:
    copies = [change.path for change in changes(answering(), CRI) if isinstance(change, Copy)]
    assert {path.rpartition("/")[0] for path in copies} == {PROGRAMS}


def test_containers_end_before_docker_is_stopped_and_shims_behind_it() -> None:
    found = changes(answering())
    unit = next(number for number, change in enumerate(found) if isinstance(change, Unit))
    shims, pods = (number for number, change in enumerate(found) if isinstance(change, Cleanup))
    assert shims < unit < pods
    assert max(number for number, change in enumerate(found) if isinstance(change, OwnedPath)) < shims


def test_containers_run_where_the_host_refuses_to_lower_oom_scores() -> None:
    found = settings_written(answering(oom="refused"))
    assert found["default-runtime"] == "bounded"
    assert found["oom-score-adjust"] == 0
    written = [change.path for change in changes(answering(oom="refused")) if isinstance(change, File)]
    assert found["runtimes"]["bounded"]["path"] in written


def test_a_runtime_of_the_hosts_choice_stays_also_there() -> None:
    users = {"default-runtime": "own", "runtimes": {"own": {"path": "/usr/bin/own"}}}
    assert settings_written(answering(oom="refused", settings=json.dumps(users))).items() >= users.items()


def test_the_registry_is_trusted_and_logged_in_to_by_files_of_root() -> None:
    files = list(Docker().mirrors(REGISTRY, ["docker.io"]))
    assert [file.path for file in files if isinstance(file, File)] == [
        "/etc/docker/certs.d/sea.hub:5000/ca.crt",
        "/etc/docker/sealer/config.json",
        "/var/lib/kubelet/config.json",
    ]
    for file in files:
        assert isinstance(file, File)
        assert (("registry", "credentials") in used_values(file)) == (file.mode == 0o600)


def test_a_registry_outside_may_need_no_account_and_no_authority_of_its_own() -> None:
    assert list(Docker().mirrors(OUTSIDE, ["docker.io"])) == []
    packed = image(images=("quay.io/x/y:3", "hub.example:5000/own/app:1")).container_images
    found = [change.run for change in Docker().preload(OUTSIDE, packed) if isinstance(change, Command)]
    assert "hub.example:5000/team/quay.io/x/y:3" in found[0]
    assert "hub.example:5000/own/app:1" in found[1]


def test_every_image_with_a_tag_is_brought_under_its_own_name() -> None:
    packed = image(
        images=(
            "docker.io/library/nginx:1.25",
            "reg.example:5000/team/app:2",
            "quay.io/x/y:3@sha256:00",
            "quay.io/x/z@sha256:00",
        )
    ).container_images
    found = [change for change in Docker().preload(REGISTRY, packed) if isinstance(change, Command)]
    assert [change.title for change in found] == [
        "container image docker.io/library/nginx:1.25",
        "container image reg.example:5000/team/app:2",
        "container image quay.io/x/y:3",
    ]
    assert "sea.hub:5000/reg.example_5000/team/app:2" in found[1].run


def labels(kubernetes: str, **versions: str) -> object:
    return Docker().base_labels(kubernetes, {"dockerd": "24.0.6", **versions})


def test_an_image_for_kubelets_without_dockershim_needs_cri_dockerd() -> None:
    from sealer.errors import ImageError

    assert labels("v1.23.0") == labels("v1.24.0", **{"cri-dockerd": "0.3.26"})
    with pytest.raises(ImageError, match=r"v1\.24\.0 needs cri-dockerd"):
        labels("v1.24.0")


def test_dockers_of_upstream_go_with_kubernetes() -> None:
    def versions(kubernetes: str) -> list[str]:
        found = Docker().base_downloads(kubernetes, AMD64)
        return [download.version for download in found if "docker" in download.url]

    assert versions("v1.20.2") == versions("v1.23.17") == ["20.10.23"]
    assert versions("v1.24.0") == versions("v1.36.0") == ["24.0.6", "0.3.26"]
