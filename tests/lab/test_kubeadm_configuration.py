"""The real kubeadm reads the configuration that the Kubernetes plugin writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from sealer.model import MASTER
from sealer_runtime_k8s.kubeadm import discovery_kubeconfig, init_configuration, join_configuration
from tests.plugins.kit import KUBERNETES_IMAGES, cluster, host

pytestmark = pytest.mark.kubernetes

TOKEN = "abcdef.0123456789abcdef"


def kubeadm(artifacts: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [artifacts / "bin/kubeadm", *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_it_asks_for_the_images_that_were_packed(artifacts: Path, tmp_path: Path) -> None:
    config = tmp_path / "init.yaml"
    document = {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": {"profiling": "false"}}}
    config.write_text(init_configuration(cluster(documents=(document,))))
    done = kubeadm(artifacts, "config", "images", "list", "--config", str(config))
    # A field that this release does not know would be named in a warning.
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == sorted(KUBERNETES_IMAGES)


@pytest.mark.parametrize("key", ["", "00" * 32])
def test_it_understands_how_a_host_joins(artifacts: Path, tmp_path: Path, key: str) -> None:
    view = cluster(host(1, MASTER), host(2, MASTER))
    config, discovery = tmp_path / "join.yaml", tmp_path / "discovery.conf"
    discovery.write_text(discovery_kubeconfig(view, authority="TFMwdA=="))
    config.write_text(
        join_configuration(view, view.hosts[1], token=TOKEN, discovery=str(discovery), certificate_key=key)
    )
    done = kubeadm(artifacts, "config", "migrate", "--old-config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    document = yaml.safe_load(done.stdout)
    assert document["discovery"]["tlsBootstrapToken"] == TOKEN
    assert document["nodeRegistration"]["criSocket"] == "unix:///run/containerd/containerd.sock"
    assert bool(document.get("controlPlane")) == bool(key)
