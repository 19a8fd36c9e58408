"""A container runtime that a host had before is put back as it was, though ours took its places meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.testing import example_cluster, example_facts, example_host, example_image
from sealer.testing.lab import Node
from sealer_container_containerd.runtime import Containerd
from tests.lab.machine import Machine

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
# Stopped, as the checks want it: its programs stand where ours go, and so do its unit and its settings.
THEIRS = """\
mkdir -p /etc/containerd /opt/cni/bin /etc/cni/net.d
printf 'version = 2\\nroot = "/srv/containerd"\\n' > /etc/containerd/config.toml
printf '#!/bin/sh\\nexec true\\n' > /usr/local/bin/containerd
printf theirs > /opt/cni/bin/bridge
printf '{}' > /etc/cni/net.d/10-theirs.conf
chmod 755 /usr/local/bin/containerd /opt/cni/bin/bridge
printf '[Service]\\nExecStart=/usr/local/bin/containerd\\n[Install]\\nWantedBy=multi-user.target\\n' \\
  > /etc/systemd/system/containerd.service
systemctl daemon-reload
systemctl enable -q containerd.service"""


@pytest.fixture
def machine(bare_node: Node, artifacts: Path) -> Machine:
    """Return a machine with the programs of an image on its disk."""
    pack = subprocess.run(
        ["tar", "-C", str(artifacts), "-cf", "-", "cni", *(f"bin/{name}" for name in PROGRAMS)],
        check=True,
        capture_output=True,
    )
    unpack = ["tar", "-C", ROOTFS, "-xf", "-"]
    bare_node.run(["mkdir", "-p", ROOTFS])
    subprocess.run(bare_node.command(unpack), input=pack.stdout, check=True)
    return Machine(node=bare_node)


CLUSTER = example_cluster(
    example_host(1, master=True, facts=example_facts(answers={"containerd/oom": "refused"})),
    image=example_image(),
)
ROOTFS = CLUSTER.rootfs


def test_a_containerd_that_was_there_before_is_put_back(machine: Machine) -> None:
    machine.run(THEIRS)
    (step,) = Containerd().install(CLUSTER, CLUSTER.first_master)
    with machine.unharmed():
        assert "changed" in machine.apply(*step.changes)
        assert machine.run("ctr version | grep -c Version:") == "2\n"
        assert machine.run("cmp /opt/cni/bin/bridge " + f"{ROOTFS}/cni/bridge") == ""
        machine.undo()
    assert machine.run("cat /opt/cni/bin/bridge") == "theirs"
    assert machine.run("systemctl is-enabled containerd.service") == "enabled\n"
