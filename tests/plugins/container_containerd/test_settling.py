"""What an image's own script made of containerd: told apart, and brought together with kubelets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer_container_containerd import fragments
from tests.plugins.kit import SHELLS

CONFIG = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = {systemd}
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = {path}
"""


class Host:
    """A host whose containerd prints a configuration, and below whose directory everything is."""

    def __init__(self, shell: tuple[str, ...], directory: Path) -> None:
        self.shell = shell
        self.root = directory
        self.entry = directory / "entry"
        self.entry.mkdir()
        (directory / "bin").mkdir()

    def run(self, script: str, config: str = "") -> subprocess.CompletedProcess[str]:
        program = self.root / "bin/containerd"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{config}END\n")
        program.chmod(0o755)
        script = script.replace("/etc/containerd", f"{self.root}/etc/containerd")
        return subprocess.run(
            [*self.shell, "-e", "-s"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{self.root}/bin:/usr/bin:/bin", "entry": str(self.entry)},
        )


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tuple(request.param), tmp_path)


def test_where_containerd_looks_for_registries_becomes_where_they_are_described(host: Host) -> None:
    place = host.root / "etc/docker/certs.d"
    place.mkdir(parents=True)
    done = host.run(fragments.settle("systemd"), CONFIG.format(systemd="true", path=f'"{place}/"'))
    assert (done.returncode, done.stderr) == (0, "")
    assert place.readlink() == host.root / "etc/containerd/certs.d"
    assert host.run(fragments.UNSETTLE).returncode == 0
    assert not place.is_symlink()


def test_what_is_in_the_place_already_is_left_there(host: Host) -> None:
    place = host.root / "etc/docker/certs.d"
    (place / "mine").mkdir(parents=True)
    done = host.run(fragments.settle("systemd"), CONFIG.format(systemd="true", path=f'"{place}/"'))
    assert done.returncode != 0
    assert "where something else is" in done.stderr
    assert [path.name for path in place.iterdir()] == ["mine"]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_nothing_is_done_where_it_is_right_already(host: Host, quote: str) -> None:
    path = f"{quote}{host.root}/etc/containerd/certs.d{quote}"
    done = host.run(fragments.settle("cgroupfs"), CONFIG.format(systemd="false", path=path))
    assert (done.returncode, done.stderr) == (0, "")
    assert not (host.root / "etc").exists()
    assert host.run(fragments.UNSETTLE).returncode == 0


@pytest.mark.parametrize(
    ("driver", "config", "word"),
    [
        ("systemd", CONFIG.format(systemd="false", path='"/x"'), "CgroupDriver=cgroupfs"),
        ("cgroupfs", CONFIG.format(systemd="true", path='"/x"'), "CgroupDriver=systemd"),
        ("systemd", CONFIG.format(systemd="true", path='""'), "has no config_path"),
        ("cgroupfs", "version = 2\n", "has no config_path"),
    ],
)
def test_what_does_not_go_together_is_refused(host: Host, driver: str, config: str, word: str) -> None:
    done = host.run(fragments.settle(driver), config)
    assert done.returncode != 0
    assert word in done.stderr
    assert not (host.entry / "link").exists()
