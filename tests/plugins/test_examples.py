"""The examples: Kubefiles that parse, manifests that are recognised, a script that shells can read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealer.kubefile import read
from sealer_app_kube import sealer_app_types
from tests.plugins.kit import SHELLS

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("cni-bridge", "demo-app")


def manifests(name: str) -> list[dict[str, Any]]:
    (path,) = (EXAMPLES / name / "manifests").iterdir()
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_the_kubefile_parses(name: str) -> None:
    read(EXAMPLES / name / "Kubefile")


@pytest.mark.parametrize("name", NAMES)
def test_the_manifests_are_an_application(name: str) -> None:
    (kube,) = (found for found in sealer_app_types() if found.name == "kube")
    assert kube.detect([EXAMPLES / name / "manifests"])


@pytest.mark.parametrize("name", NAMES)
def test_all_pods_run_the_one_image_that_travels_along(name: str) -> None:
    pods = [
        m["spec"]["template"]["spec"] for m in manifests(name) if m["kind"] in ("DaemonSet", "Deployment")
    ]
    images = [container["image"] for pod in pods for container in pod["containers"]]
    assert images == ["docker.io/library/busybox:1.35"]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_the_script_of_the_pod_network_can_be_read(shell: tuple[str, ...]) -> None:
    (config,) = (m for m in manifests("cni-bridge") if m["kind"] == "ConfigMap")
    script = config["data"]["cni-bridge.sh"]
    done = subprocess.run([*shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_network_is_written_as_containerd_reads_it() -> None:
    """The configuration's here-document, with a subnet filled in, is JSON of the form of CNI."""
    (config,) = (m for m in manifests("cni-bridge") if m["kind"] == "ConfigMap")
    _, _, rest = config["data"]["cni-bridge.sh"].partition("<<EOF\n")
    document = json.loads(rest.partition("\nEOF\n")[0].replace("$1", "10.1.2.0/24"))
    assert [plugin["type"] for plugin in document["plugins"]] == ["bridge", "portmap"]
    assert document["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.1.2.0/24"}]]
