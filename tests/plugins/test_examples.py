"""The examples: Kubefiles that parse, manifests that are recognised, a script that shells can read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealer.kubefile import read
from sealer_app_kube import sealer_app_types
from tests.shells import every_shell

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


@every_shell
def test_the_script_of_the_pod_network_can_be_read(shell: tuple[str, ...]) -> None:
    (config,) = (m for m in manifests("cni-bridge") if m["kind"] == "ConfigMap")
    script = config["data"]["cni-bridge.sh"]
    done = subprocess.run([*shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


NODES = """\
n1 100.64.0.0/24 fd01:0:0:1::/64 | 10.0.0.1 fd00::1
n2 100.64.1.0/24 fd01:0:0:2::/64 | 10.0.0.2 fd00::2
n3  | 10.0.0.3
"""
"""What kubectl answers to the script: networks of pods and addresses of nodes, which has none yet."""


def one_turn(directory: Path, name: str) -> tuple[str, str]:
    """Run the script as on a node, once; return its CNI configuration, and what it does to the host."""
    (config,) = (m for m in manifests("cni-bridge") if m["kind"] == "ConfigMap")
    script = config["data"]["cni-bridge.sh"]
    for path in ("/tmp/", "/etc/cni/net.d/"):
        script = script.replace(path, f"{directory}/")
    kubectl = directory / "kubectl"
    kubectl.write_text(f"#!/bin/sh\ncat <<EOF\n{NODES}EOF\n")
    kubectl.chmod(0o755)
    script = script.replace("/host/usr/bin/kubectl", str(kubectl))
    script = re.sub(r"sleep \d", "exit 0", script)
    done_to_host = 'echo "$*" >&2; case $1 in *-restore) cat >&2;; esac'
    (host,) = (line for line in script.splitlines() if line.startswith("host() {"))
    done = subprocess.run(
        ["busybox", "sh"],
        input=script.replace(host, f"host() {{ {done_to_host}; }}"),
        env={"NODE_NAME": name, "PATH": os.defpath},
        text=True,
        capture_output=True,
        check=True,
    )
    configuration = directory / "10-bridge.conflist"
    return configuration.read_text() if configuration.exists() else "", done.stderr


def test_the_network_is_written_as_containerd_reads_it(tmp_path: Path) -> None:
    text, _ = one_turn(tmp_path, "n2")
    document = json.loads(text)
    assert [plugin["type"] for plugin in document["plugins"]] == ["bridge", "portmap"]
    ipam = document["plugins"][0]["ipam"]
    assert ipam["ranges"] == [[{"subnet": "100.64.1.0/24"}], [{"subnet": "fd01:0:0:2::/64"}]]
    assert ipam["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]


def test_pods_of_other_nodes_are_reached_by_their_nodes_address_of_the_same_ip_family(tmp_path: Path) -> None:
    _, done = one_turn(tmp_path, "n2")
    assert [line for line in done.splitlines() if line.startswith("ip route replace")] == [
        "ip route replace 100.64.0.0/24 via 10.0.0.1 proto 77",
        "ip route replace fd01:0:0:1::/64 via fd00::1 proto 77",
    ]
    old, _, new = done.partition("ip6tables-restore")
    assert "-A CNI-BRIDGE-MASQ -d 10.0.0.1/32 -j RETURN" in old.splitlines()
    assert "-A CNI-BRIDGE-MASQ -d fd00::1/128 -j RETURN" in new.splitlines()
    assert "fd0" not in old.partition("iptables-restore")[2]
    assert "100.64" not in new


def test_a_node_without_a_network_for_its_pods_is_left_alone(tmp_path: Path) -> None:
    assert one_turn(tmp_path, "n3") == ("", "")
