"""How labs begin and end: nodes of all kinds, what killed programs left, messages for people."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, LabError, cgroups, cleanup, network, programs
from sealer.testing.lab.disk import loop_devices
from sealer.testing.lab.fixtures import LabNodes
from sealer.testing.lab.state import REGISTER
from tests.lab.test_lab import ssh

pytestmark = pytest.mark.lab

SOURCE = Path(__file__).parents[2] / "core/src"


def test_a_small_disk_gets_full_and_survives_a_power_cut(lab_nodes: LabNodes) -> None:
    lab = lab_nodes(1, "sshd", disk_size=128 * 2**20)
    [node] = lab.nodes
    fill = node.run(["dd", "if=/dev/zero", "of=/var/lib/big", "bs=1M", "count=300"], check=False)
    assert "No space left on device" in fill.stderr
    assert "No space left" in node.run(["sh", "-c", "head -c 9000000 /dev/zero >/opt/x"], check=False).stderr
    node.run(["sh", "-c", "rm /var/lib/big /opt/x; echo kept >/root/file; sync"])
    node.power_off()
    assert loop_devices(lab.places.home) == ()
    node.power_on()
    assert node.run(["cat", "/root/file"]).stdout == "kept\n"


def test_nodes_with_only_sshd_and_nodes_added_later(lab_nodes: LabNodes) -> None:
    lab = lab_nodes(1, "sshd")
    [added] = lab.up(1, "systemd")
    assert [node.name for node in lab.nodes] == ["n1", "n2"]
    assert ssh(lab, "n1", "cat", "/proc/1/comm") == "sshd"
    assert ssh(lab, added.name, "cat", "/proc/1/comm") == "systemd"


def test_labs_do_not_see_each_other(new_lab: Callable[[], Lab]) -> None:
    one, other = new_lab(), new_lab()
    one.up(1, "sshd")
    reached = other.run_operator(["ping", "-c1", "-W1", one.node("n1").address], check=False)
    assert reached.returncode != 0
    assert other.nodes == ()


def leftovers(name: str) -> dict[str, object]:
    """Return all there is of a lab on this machine, looked for without the lab's own records."""
    marks = (f"sealer-lab.{name}.", f"/{name}/")
    mounts = Path("/proc/self/mountinfo").read_text()
    return {
        "networks": network.namespaces(name),
        "groups": cgroups.find(name),
        "mounts": [line for line in mounts.splitlines() if any(mark in line for mark in marks)],
        "processes": [pid for directory in cgroups.find(name) for pid in cgroups.pids(directory)],
        "home": [path for path in [Lab(name).places.home] if path.exists()],
        "hosts": list(Path("/etc").glob(f"netns/sealer-lab.{name}.*")),
        "register": [path for path in [REGISTER / name] if path.is_symlink()],
    }


@pytest.mark.parametrize("records", ["kept", "lost"])
def test_down_removes_what_a_killed_process_left(lab_root: Path, records: str) -> None:
    name = f"killed-{os.getpid()}"
    program = f"""
import time
from sealer.testing.lab import Lab
with Lab({name!r}) as lab:
    lab.up(2, "systemd", disk_size=200 * 2**20)
    lab.node("n2").shape(delay="5ms")
    print("up", flush=True)
    lab.run_operator(["sleep", "600"], timeout=None)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    nodes = Lab.attach(name).nodes
    inits = [node.init for node in nodes]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert all(init.alive for init in inits)
    assert name in {places.lab for places in cleanup.find_labs()}
    if records == "lost":
        for path in Lab(name).places.home.rglob("*.json"):
            path.unlink()
        (REGISTER / name).unlink()
    command = [sys.executable, "-m", "sealer.testing.lab", "down", "--name", name]
    subprocess.run(command, check=True, env=_environment(), timeout=60)
    assert not any(init.alive for init in inits)
    assert not any(leftovers(name).values()), leftovers(name)


def test_a_lab_clears_what_one_of_its_name_left(lab_root: Path) -> None:
    name = f"again-{os.getpid()}"
    first = Lab(name)
    first.create()
    [node] = first.up(1, "sshd")
    init = node.init
    with Lab(name) as second:
        assert not init.alive
        assert second.nodes == ()
        second.up(1, "sshd")
    assert not any(leftovers(name).values()), leftovers(name)


def test_errors_for_people_are_one_line(lab_root: Path) -> None:
    command = [sys.executable, "-m", "sealer.testing.lab", "power-on", "n1", "--name", "no-such-lab"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=_environment())
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Error: there is no lab 'no-such-lab' (python -m sealer.testing.lab up --name no-such-lab)"
    ]


def test_without_root_or_programs_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATH", "/nonexistent")
    with pytest.raises(LabError, match="the lab needs debootstrap, ip, tc") as missing:
        programs.require_programs(("debootstrap", "ip", "tc"))
    assert missing.value.hint == "apt-get install debootstrap iproute2"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="the lab needs root"):
        Lab("unused").create()


def test_a_program_in_a_node_ends_when_its_time_is_up(lab_nodes: LabNodes) -> None:
    [node] = lab_nodes(1, "sshd").nodes
    with pytest.raises(LabError, match=r"n1: sleep 99 did not end within 0\.3 s"):
        node.run(["sleep", "99"], timeout=0.3)
    time.sleep(0.2)
    states = node.run(["ps", "-e", "-o", "stat,comm"]).stdout.splitlines()
    assert not [line for line in states if "sleep" in line and not line.startswith("Z")]
    with pytest.raises(LabError, match="n1: false ended with status 1"):
        node.run(["false"])


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCE)}
