"""What the lab promises to the tests that stand on it: nodes, links, snapshots."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import (
    DEFAULT_IGNORED,
    Difference,
    Kind,
    Lab,
    LabError,
    Node,
    Snapshot,
    compare,
    snapshot,
)
from sealer.testing.lab.fixtures import LabNodes
from sealer.testing.lab.shaping import make_shape

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    """Return a lab with three whole systems, which the tests leave as they found it."""
    return module_lab_nodes(3)


@pytest.fixture
def node(lab: Lab) -> Iterator[Node]:
    """Return one node of it, with a sound link again afterwards."""
    one = lab.node("n2")
    yield one
    one.mend()
    one.unshape()


def ssh(lab: Lab, name: str, *command: str) -> str:
    return subprocess.run(
        lab.ssh_command(name, command), check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def pings(lab: Lab, node: Node, count: int = 3) -> list[float]:
    """Return how long each of some pings to the operator took, in milliseconds; lost ones are missing."""
    command = ["ping", "-c", str(count), "-i", "0.2", "-W", "1", lab.operator_address]
    output = node.run(command, check=False).stdout
    return [float(line.partition("time=")[2].split()[0]) for line in output.splitlines() if "time=" in line]


def test_three_nodes_answer_ssh_with_key_and_host_key(lab: Lab) -> None:
    assert [ssh(lab, node.name, "hostname") for node in lab.nodes] == ["n1", "n2", "n3"]
    assert ssh(lab, "n1", "systemctl", "is-system-running", "--wait") == "running"


def test_known_hosts_names_each_node_by_name_and_address(lab: Lab) -> None:
    for node in lab.nodes:
        for name in (node.name, node.address):
            scan = ["ssh-keygen", "-F", name, "-f", str(lab.known_hosts_path)]
            recorded = subprocess.run(scan, check=True, capture_output=True, text=True).stdout.split()
            assert node.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.split()[1] in recorded


def test_a_wrong_host_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    lines = lab.known_hosts_path.read_text().splitlines()
    key = lines[1].split()[1:]
    (tmp_path / "known_hosts").write_text(" ".join([lab.node("n1").address, *key]) + "\n")
    command = [
        w.replace(str(lab.known_hosts_path), str(tmp_path / "known_hosts")) for w in lab.ssh_command("n1")
    ]
    result = subprocess.run([*command, "true"], check=False, capture_output=True, text=True)
    assert result.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in result.stderr


def test_the_password_opens_a_node(lab: Lab) -> None:
    program = f"""
import asyncio, asyncssh, sys
async def main():
    options = dict(username="root", client_keys=None, agent_path=None, known_hosts=sys.argv[1])
    async with asyncssh.connect("n2", password={lab.password!r}, **options) as connection:
        print((await connection.run("hostname", check=True)).stdout, end="")
    try:
        await asyncssh.connect("n2", password="wrong", **options)
    except asyncssh.PermissionDenied:
        print("refused")
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(lab.known_hosts_path)]
    assert lab.run_operator(command).stdout.split() == ["n2", "refused"]


def test_modules_the_kernel_has_can_be_asked_for(node: Node) -> None:
    assert node.run(["modprobe", "overlay"], check=False).returncode == 0
    assert node.run(["modprobe", "no_such_module"], check=False).returncode != 0


def test_operator_finds_nodes_by_name(lab: Lab) -> None:
    assert lab.run_operator(["getent", "hosts", "n3"]).stdout.split() == [lab.node("n3").address, "n3"]


def test_nothing_leads_outside(lab: Lab, node: Node) -> None:
    assert "default" not in lab.run_operator(["ip", "route"]).stdout
    for side in (lab.run_operator, node.run):
        outside = side(["curl", "-sS", "-m", "2", "http://192.0.2.1/"], check=False)
        assert outside.returncode != 0
    links = lab.run_operator(["ip", "-o", "link", "show", "type", "veth"]).stdout
    assert all("link-netns sealer-lab." in line for line in links.splitlines())


def test_nodes_bring_none_of_what_a_cluster_installs(node: Node) -> None:
    for program in ("containerd", "runc", "kubelet", "ctr", "python3", "docker"):
        assert node.run(["which", program], check=False).returncode != 0
    for program in ("iptables", "nft", "conntrack", "ipset", "socat", "ethtool", "modprobe", "curl", "sudo"):
        assert node.run(["which", program], check=False).returncode == 0


def test_power_cycle_keeps_the_disk_and_loses_the_rest(lab: Lab) -> None:
    node = lab.node("n1")
    script = "echo kept >/root/file; echo kept >/var/lib/file; touch /run/file; iptables -N LOST"
    node.run(["sh", "-c", script])
    node.power_off()
    assert not node.running
    with pytest.raises(LabError, match="the node is off"):
        node.run(["true"])
    node.power_on()
    assert node.run(["cat", "/root/file", "/var/lib/file"]).stdout.split() == ["kept", "kept"]
    assert node.run(["test", "-e", "/run/file"], check=False).returncode == 1
    assert "LOST" not in node.run(["iptables-save"]).stdout
    node.run(["rm", "/root/file", "/var/lib/file"])


def test_a_node_that_reboots_itself_comes_back(lab: Lab) -> None:
    node = lab.node("n1")
    before = node.init
    node.run(["systemctl", "reboot"], check=False)
    deadline = time.monotonic() + 60
    while before.alive or not node.running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    node.wait_for_ssh()
    assert node.init != before
    assert ssh(lab, "n1", "hostname") == "n1"


def test_cut_and_mend(lab: Lab, node: Node) -> None:
    assert pings(lab, node, 1)
    node.cut()
    assert not pings(lab, node, 1)
    assert "NO-CARRIER" in node.run(["ip", "link", "show", "eth0"]).stdout
    node.mend()
    assert ssh(lab, node.name, "hostname") == node.name


def test_delay_holds_packets_back_in_both_directions(lab: Lab, node: Node) -> None:
    assert min(pings(lab, node)) < 20
    node.shape(delay="40ms")
    assert 80 <= min(pings(lab, node)) < 200
    assert ssh(lab, node.name, "hostname") == node.name
    node.unshape()
    assert min(pings(lab, node)) < 20


def test_a_delayed_link_can_be_cut_and_mended(lab: Lab, node: Node) -> None:
    node.shape(delay=0.01)
    node.cut()
    assert not pings(lab, node, 1)
    node.mend()
    time.sleep(0.2)
    assert min(pings(lab, node)) >= 20


def test_rate_slows_a_download_down(lab: Lab, node: Node) -> None:
    def seconds() -> float:
        begin = time.monotonic()
        command = lab.ssh_command(node.name, ["head -c 4000000 /dev/zero"])
        assert len(subprocess.run(command, check=True, capture_output=True).stdout) == 4_000_000
        return time.monotonic() - begin

    quick = seconds()
    node.shape(rate="16mbit")
    slow = seconds()
    assert 1.9 < slow < 12
    assert slow > 2 * quick


def test_loss_loses_packets(lab: Lab, node: Node) -> None:
    node.shape(loss="60%")
    assert len(pings(lab, node, 15)) < 15


def test_shape_and_cut_hold_over_a_power_cycle(lab: Lab, node: Node) -> None:
    node.shape(delay="20ms")
    node.power_off()
    node.power_on()
    assert min(pings(lab, node)) >= 40
    node.cut()
    node.power_off()
    node.power_on(wait=False)
    deadline = time.monotonic() + 20
    while not node.running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not pings(lab, node, 1)


@pytest.mark.parametrize(
    "values", [(0, 0.0, 0.0), (None, -1.0, 0.0), (None, 0.0, 2.0), ("fast", 0, 0), (None, "5", 0)]
)
def test_shapes_that_make_no_sense_are_refused(values: tuple[str, str, str]) -> None:
    with pytest.raises(LabError):
        make_shape(*values)


def test_snapshots_of_an_untouched_node_are_equal(lab: Lab, node: Node) -> None:
    node.wait_until_started()
    before = snapshot(node)
    ssh(lab, node.name, "true")
    require_equal(before, node)
    node.power_off()
    node.power_on()
    node.wait_until_started()
    require_equal(before, node)


def require_equal(before: Snapshot, node: Node) -> None:
    """See that a node comes to what it was; sessions that have ended take a moment to go."""
    deadline = time.monotonic() + 30
    while (found := compare(before, snapshot(node))) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found == ()


PLANTED = [
    (Kind.FILE, "/etc/planted", "touch /etc/planted", "rm /etc/planted"),
    (Kind.FILE, "/var/lib/planted", "mkdir /var/lib/planted", "rmdir /var/lib/planted"),
    (Kind.FILE, "/run/planted", "touch /run/planted", "rm /run/planted"),
    (Kind.FILE, "/etc/hostname", "chmod 600 /etc/hostname", "chmod 644 /etc/hostname"),
    (Kind.HOSTS, "192.0.2.1 planted", "cp /etc/hosts /tmp/h; echo 192.0.2.1 planted >>/etc/hosts",
     "cat /tmp/h >/etc/hosts"),
    (Kind.UNIT_FILE, "planted.service",
     "printf '[Service]\\nExecStart=/bin/sleep 99\\n' >/etc/systemd/system/planted.service",
     "rm /etc/systemd/system/planted.service"),
    (Kind.UNIT, "planted2.service", "systemd-run -q --unit planted2 sleep 99", "systemctl stop planted2"),
    (Kind.PROCESS, "sleep", "systemd-run -q --unit planted3 sleep 99", "systemctl stop planted3"),
    (Kind.MOUNT, "/mnt", "mount -t tmpfs -o mode=755 tmpfs /mnt", "umount /mnt"),
    (Kind.LINK, "planted0", "ip link add planted0 type bridge", "ip link delete planted0"),
    (Kind.ADDRESS, "192.0.2.7/32 lo", "ip address add 192.0.2.7 dev lo",
     "ip address delete 192.0.2.7/32 dev lo"),
    (Kind.ROUTE, "blackhole 192.0.2.0/24", "ip route add blackhole 192.0.2.0/24",
     "ip route delete blackhole 192.0.2.0/24"),
    (Kind.IPTABLES, "filter :PLANTED -",
     "iptables -N PLANTED", "iptables -X PLANTED; nft delete table filter"),
    (Kind.IP6TABLES, "nat -A OUTPUT -j ACCEPT", "ip6tables -t nat -A OUTPUT -j ACCEPT",
     "nft delete table ip6 nat"),
    (Kind.NFTABLES, "inet planted", "nft add table inet planted",
     "nft delete table inet planted"),
    (Kind.IPSET, "planted", "ipset create planted hash:ip", "ipset destroy planted"),
    (Kind.SYSCTL, "net/ipv4/ip_forward", "sysctl -w net.ipv4.ip_forward=1",
     "sysctl -w net.ipv4.ip_forward=0"),
    (Kind.USER, "planted", "cp -a /etc /tmp/etc; useradd planted", "rm -r /etc/sub*-; cp -a /tmp/etc /"),
    (Kind.CGROUP, "/planted", "mkdir /sys/fs/cgroup/pids/planted", "rmdir /sys/fs/cgroup/pids/planted"),
    (Kind.NAMESPACE, "planted", "ip netns add planted",
     "ip netns delete planted; umount /run/netns; rmdir /run/netns"),
]  # fmt: skip


def test_a_snapshot_finds_what_is_planted_and_sees_it_go(lab: Lab, node: Node) -> None:
    before = snapshot(node)
    for _, _, plant, _ in PLANTED:
        node.run(["sh", "-ec", plant])
    found = {(one.kind, one.name) for one in compare(before, snapshot(node))}
    assert {(kind, name) for kind, name, _, _ in PLANTED} <= found
    for _, _, _, remove in reversed(PLANTED):
        node.run(["sh", "-ec", remove])
    node.run(["systemctl", "daemon-reload"])
    left = [one for one in compare(before, snapshot(node)) if not _is_expected(one)]
    assert left == []


def _is_expected(difference: Difference) -> bool:
    """Say whether something stays although its cause is gone: what changing ip_forward resets."""
    return difference.name.endswith(("accept_redirects", "send_redirects"))


def test_differences_read_as_lines() -> None:
    assert str(Difference(Kind.FILE, "/etc/x", None, "-rw-r--r-- 0:0")) == "+ file /etc/x -rw-r--r-- 0:0"
    assert str(Difference(Kind.USER, "bob", "bob:x", None)) == "- user bob bob:x"


def test_the_ignore_list_hides_nothing_an_installer_could_leave() -> None:
    for name in DEFAULT_IGNORED.trees:
        assert not name.startswith(("/etc", "/opt", "/usr", "/var/lib", "/root"))
        assert name not in {"/run", "/run/systemd", "/var", "/var/log"}
