"""Host checks on real machines: one fault after the other is made there, found, and taken away again."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sealer.cluster.examination import SPARE
from sealer.image.store import ImageStore
from sealer.model import RUNTIME_TYPE_LABEL
from sealer.testing.lab import Lab, compare, snapshot
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.images import CLUSTER_IMAGE
from tests.lab.operator import CLUSTER, Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

UNFIT = 3


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something wrong with a node.

    Attributes:
        check: The check that must find it.
        make: sh that makes it; ``$address`` and ``$id`` are the address and the machine id of n1.
        unmake: sh that takes it away.
        severity: What it is found to be.
        node: Where it is made.
        told: The node that the finding is about.
        code: The exit code, where the severity does not say it.
    """

    check: str
    make: str
    unmake: str
    severity: str = "error"
    node: str = "n2"
    told: str = "n2"
    code: int | None = None

    @property
    def exit_code(self) -> int:
        return self.code or (UNFIT if self.severity == "error" else 0)


FAULTS = (
    Fault(check="host-name-unique", make="hostname n1", unmake="hostname n2"),
    Fault(check="host-name", make="echo under_score > /proc/sys/kernel/hostname", unmake="hostname n2"),
    Fault(
        check="machine-id-unique",
        make="cp -a /etc/machine-id /root/id; echo $id > /etc/machine-id",
        unmake="mv /root/id /etc/machine-id",
        severity="warning",
    ),
    Fault(
        check="other-cluster",
        make="mkdir -p /var/lib/sealer/old/journal",
        unmake="rm -r /var/lib/sealer",
    ),
    Fault(
        check="ssh-sessions",
        make="echo 'MaxSessions 2' > /etc/ssh/sshd_config.d/few.conf",
        unmake="rm /etc/ssh/sshd_config.d/few.conf",
        severity="warning",
    ),
    Fault(
        check="ssh-startups",
        make="echo 'MaxStartups 2:30:60' > /etc/ssh/sshd_config.d/few.conf",
        unmake="rm /etc/ssh/sshd_config.d/few.conf",
        severity="warning",
    ),
    Fault(
        check="local-resolver",
        make="cp /etc/resolv.conf /root/resolv; echo nameserver 127.0.0.1 > /etc/resolv.conf",
        unmake="cat /root/resolv > /etc/resolv.conf; rm /root/resolv",
    ),
    Fault(
        check="name-servers",
        make="cp /etc/resolv.conf /root/resolv; : > /etc/resolv.conf",
        unmake="cat /root/resolv > /etc/resolv.conf; rm /root/resolv",
        severity="warning",
    ),
    Fault(
        check="tmp-exec",
        make="mount -o remount,noexec /tmp",
        unmake="mount -o remount,exec /tmp",
        severity="warning",
    ),
    Fault(
        check="read-only",
        make="mount --bind /usr/local /usr/local; mount -o remount,bind,ro /usr/local",
        unmake="umount /usr/local",
    ),
    Fault(
        check="data-root",
        make="mkdir /srv/data; ln -s /srv/data /var/lib/sealer",
        unmake="rm /var/lib/sealer; rmdir /srv/data",
    ),
    Fault(check="data-root", make="chmod 700 /var/lib", unmake="chmod 755 /var/lib"),
    Fault(
        check="default-route",
        make="ip route show default > /root/route; ip route del default",
        unmake="ip route add $(cat /root/route); rm /root/route",
    ),
    Fault(
        check="mtu-equal",
        make="ip link set dev eth0 mtu 1400",
        unmake="ip link set dev eth0 mtu 1500",
        severity="warning",
        code=UNFIT,  # for what becomes of larger packets, which is the next fault
    ),
    # The node drops what is larger than its card takes, and says nothing: n1 sends such packets to it.
    Fault(
        check="mtu-path",
        make="ip link set dev eth0 mtu 1400",
        unmake="ip link set dev eth0 mtu 1500",
        told="n1",
    ),
    Fault(
        check="address-unique",
        make="ip address add $address/32 dev eth0",
        unmake="ip address del $address/32 dev eth0",
        told="n1",
    ),
    Fault(
        check="host-programs",
        make="mv /usr/bin/cmp /usr/bin/cmp.away",
        unmake="mv /usr/bin/cmp.away /usr/bin/cmp",
    ),
    Fault(
        check="inotify",
        make="cd /proc/sys/fs/inotify; cat max_user_instances > /root/was; echo 64 > max_user_instances",
        unmake="cat /root/was > /proc/sys/fs/inotify/max_user_instances; rm /root/was",
        severity="warning",
    ),
    Fault(
        check="reverse-path-filter",
        make="echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
        unmake="echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter",
        severity="warning",
    ),
    Fault(
        check="reverse-path-filter",
        make="cd /proc/sys/net/ipv4/conf/default; cat rp_filter > /root/was; echo 1 > rp_filter",
        unmake="cat /root/was > /proc/sys/net/ipv4/conf/default/rp_filter; rm /root/was",
        severity="warning",
    ),
    Fault(
        check="arp-filter",
        make="echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
        unmake="echo 0 > /proc/sys/net/ipv4/conf/all/arp_ignore",
        severity="warning",
    ),
    Fault(
        check="inodes",
        make="mkdir /var/lib/sealer; mount -t tmpfs -o nr_inodes=1000 x /var/lib/sealer",
        unmake="umount /var/lib/sealer; rmdir /var/lib/sealer",
    ),
    Fault(
        check="firewall",
        make="systemd-run -q --unit=firewalld sleep 1000",
        unmake="systemctl stop firewalld",
        severity="warning",
    ),
    Fault(
        check="network-namespaces",
        make="chmod 0 /usr/bin/unshare",
        unmake="chmod 755 /usr/bin/unshare",
        severity="not checked",
    ),
    Fault(
        check="forwarding-at-boot",
        make="echo 'net.ipv4.ip_forward = 0 # safer' > /etc/sysctl.d/99-safe.conf",
        unmake="rm /etc/sysctl.d/99-safe.conf",
        severity="warning",
    ),
    Fault(
        check="forward-policy",
        make="iptables -P FORWARD DROP",
        unmake="nft delete table ip filter",
        severity="warning",
    ),
)

_FILTER = "nft add table inet trial; nft add chain inet trial c '{ type filter hook input priority 0; }'"
_UNFILTER = "nft delete table inet trial"

KUBERNETES_FAULTS = (
    Fault(
        check="ports-reachable",
        make=f"{_FILTER}; nft add rule inet trial c tcp dport 6443 drop",
        unmake=_UNFILTER,
        node="n1",
        told="n1",
    ),
    Fault(
        check="ports-reachable",
        make=f"{_FILTER}; nft add rule inet trial c tcp dport 10250 reject with tcp reset",
        unmake=_UNFILTER,
    ),
    Fault(
        check="ports-reachable",
        make=f"{_FILTER}; nft add rule inet trial c tcp dport 5000 reject with icmpx admin-prohibited",
        unmake=_UNFILTER,
        node="n1",
        told="n1",
    ),
    Fault(
        check="kubernetes-ports",
        make="systemd-run -q --unit=trial socat TCP-LISTEN:10250,fork /dev/null;"
        " for i in 1 2 3 4 5 6 7 8 9; do ss -Hltn sport = :10250 | grep -q . && break; sleep 0.2; done",
        unmake="systemctl stop trial",
    ),
    Fault(
        check="kubernetes-unused",
        make="mkdir -p /etc/kubernetes/manifests; : > /etc/kubernetes/manifests/x.yaml",
        unmake="rm -r /etc/kubernetes",
    ),
    Fault(
        check="kubernetes-network-leftovers",
        make="ip link add cni0 type bridge",
        unmake="ip link del cni0",
    ),
    Fault(
        check="kubernetes-networks",
        make="ip route add 10.96.1.0/24 dev eth0",
        unmake="ip route del 10.96.1.0/24 dev eth0",
    ),
    Fault(
        check="containerd-alone",
        make="mkdir -p /var/lib/containerd/io.containerd.metadata.v1.bolt",
        unmake="rm -r /var/lib/containerd",
    ),
)


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(3)


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Operator:
    return Operator(home=tmp_path).trusting(lab)


DISKS = {"kubernetes-disk-latency", "kubernetes-disk-pressure"}


def check(person: Operator, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """Return what ``sealer check`` finds, but for time services, which these nodes don't have, and disks."""
    flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
    done = person.sealer("check", *words, *flags, "--ignore", "time-service", "-o", "json", code=code)
    # How fast and how full disks are is a matter of the machine that all this runs on.
    return [item for item in json.loads(done.stdout)["findings"] if item["check"] not in DISKS]


@contextlib.contextmanager
def made(fault: Fault, lab: Lab) -> Iterator[None]:
    """Make a fault for a while."""
    first = lab.node("n1")
    identity = first.run(["cat", "/etc/machine-id"]).stdout.strip()
    variables = f"address={first.address} id={identity}\n"
    node = lab.node(fault.node)
    try:
        node.run(["sh", "-ec", variables + fault.make])
        yield
    finally:
        node.run(["sh", "-c", variables + fault.unmake])


def require_found(fault: Fault, lab: Lab, found: list[dict[str, Any]]) -> None:
    wanted = (fault.check, lab.node(fault.told).address, fault.severity)
    assert wanted in {(item["check"], item["host"], item["severity"]) for item in found}


def test_fresh_machines_are_fit_and_checking_leaves_nothing(person: Operator, lab: Lab) -> None:
    before = {node.name: snapshot(node) for node in lab.nodes}
    assert check(person) == []
    assert {node.name: compare(before[node.name], snapshot(node)) for node in lab.nodes} == dict.fromkeys(
        before, ()
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_a_fault_is_found(fault: Fault, person: Operator, lab: Lab) -> None:
    with made(fault, lab):
        found = check(person, code=fault.exit_code)
    require_found(fault, lab, found)


def test_a_host_that_can_not_be_used_is_told_of_beside_the_others(person: Operator, lab: Lab) -> None:
    second, third = lab.node("n2"), lab.node("n3")
    third.run(["useradd", "--create-home", "dora"])
    second.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    try:
        third.run(["cp", "-r", "/root/.ssh", "/home/dora/"])
        third.run(["chown", "-R", "dora", "/home/dora"])
        clusterfile = person.home / "Clusterfile"
        clusterfile.write_text(
            "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: my-cluster}\nspec:\n"
            f"  ssh: {{user: root, pk: {lab.key_path}}}\n  hosts:\n"
            f"  - {{ips: [{lab.node('n1').address}], roles: [master], ssh: {{port: 2222}}}}\n"
            f"  - {{ips: [{second.address}], roles: [node]}}\n"
            f"  - {{ips: [{third.address}], roles: [node], ssh: {{user: dora}}}}\n"
        )
        done = person.sealer("check", "-f", str(clusterfile), "-o", "json", code=UNFIT)
    finally:
        third.run(["userdel", "--remove", "dora"], check=False)
        second.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    found = {(item["check"], item["host"]) for item in json.loads(done.stdout)["findings"]}
    assert {
        ("ssh-reachable", lab.node("n1").address),
        ("reverse-path-filter", second.address),
        ("sudo-policy", third.address),
    } <= found


def test_one_machine_given_twice_is_found(person: Operator, lab: Lab) -> None:
    first = lab.node("n1")
    other = first.address.rpartition(".")[0] + ".77"
    first.run(["ip", "address", "add", f"{other}/24", "dev", "eth0"])
    try:
        flags = ("-m", first.address, "-n", other, "--pk", str(lab.key_path), "--accept-new")
        done = person.sealer("check", *flags, "-o", "json", code=UNFIT)
    finally:
        first.run(["ip", "address", "del", f"{other}/24", "dev", "eth0"])
    errors = [item for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"]
    assert {(item["check"], item["host"]) for item in errors} == {
        ("address-unique", first.address),
        ("address-unique", other),
    }


def test_what_can_be_mended_is_mended_and_taken_back(person: Operator, lab: Lab) -> None:
    second = lab.node("n2")
    setting = "/proc/sys/net/ipv4/conf/all/rp_filter"
    second.run(["sh", "-c", f"echo 1 > {setting}"])
    before = snapshot(second)
    flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
    try:
        person.sealer("check", *flags, "--fix", "--yes")
        assert second.run(["cat", setting]).stdout == "2\n"
        assert check(person) == []
        person.sealer("check", *flags, "--fix", "--yes")  # nothing is left to mend
        (operation,) = person.operations()
        assert "-fix-" in operation.name
        person.sealer("operations", "rollback", "--yes")
        assert compare(before, snapshot(second)) == ()
    finally:
        second.run(["sh", "-c", f"echo 0 > {setting}"])


def test_what_was_mended_goes_with_a_reset(person: Operator, lab: Lab, tmp_path: Path) -> None:
    second = lab.node("n2")
    second.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    before = snapshot(second)
    flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
    try:
        person.sealer("check", *flags, "--fix", "--yes")
        assert compare(before, snapshot(second)) != ()
        stranger = Operator(home=tmp_path / "stranger").trusting(lab)
        hosts = ("--hosts", second.address, "--cluster-name", CLUSTER)
        stranger.sealer("reset", *hosts, "--pk", str(lab.key_path), "--yes")
        assert compare(before, snapshot(second)) == ()
    finally:
        second.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter"])


STRANGER = """
from sealer import hookimpl
from sealer.changes import File
from sealer.model import Check, Probe
from sealer.providers import HostChecks

NOTICE = Probe(name="acme/notice", script="[ ! -e /etc/notice ] || cat /etc/notice; echo end")


class Notice(Check):
    id = "acme-notice"
    title = "the notice of the house is there"

    def evaluate(self, cluster):
        for host in cluster.hosts:
            said = host.facts.answers[NOTICE.name]
            if not said:
                yield self.not_checked(host.name, "it can't be read")
            elif "property of Acme" not in said:
                yield self.finding(host.name, found="no notice", wanted="whose it is", mend="write it down")

    def mend(self, cluster, finding):
        return (File(path="/etc/notice", content="property of Acme\\n"),)


class House(HostChecks):
    name = "acme"
    summary = "the rules of the house"

    def probes(self):
        return (NOTICE,)

    def checks(self, cluster):
        return (Notice(),)


@hookimpl
def sealer_checks():
    return (House(),)
"""


def test_a_stranger_adds_a_check_with_its_mend(person: Operator, lab: Lab, tmp_path: Path) -> None:
    place = tmp_path / "plugins"
    information = place / "acme_rules-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[sealer]\nacme_rules = acme_rules\n")
    (place / "acme_rules.py").write_text(STRANGER)
    stranger = replace(person, plugins=(place,))
    listed = json.loads(stranger.sealer("check", "--list", "-o", "json").stdout)
    assert [entry["provider"] for entry in listed if entry["id"] == "acme-notice"] == ["acme"]
    found = check(stranger, code=UNFIT)
    assert {item["check"] for item in found} == {"acme-notice"}
    assert [item["host"] for item in found] == [node.address for node in lab.nodes]
    assert all(item["mendable"] for item in found)
    flags = stranger.host_flags(masters=["n1"], nodes=["n2", "n3"])
    stranger.sealer("check", *flags, "--ignore", "acme-notice")
    stranger.sealer("check", *flags, "--fix", "--yes")
    assert check(stranger) == []
    assert lab.node("n3").run(["cat", "/etc/notice"]).stdout == "property of Acme\n"
    stranger.sealer("operations", "rollback", "--yes")
    assert lab.node("n3").run(["test", "-e", "/etc/notice"], check=False).returncode == 1


def test_disks_are_measured_against_what_the_layers_become(lab: Lab, tmp_path: Path) -> None:
    person = plain_operator(tmp_path).trusting(lab)
    context = tmp_path / "context"
    (context / "etc").mkdir(parents=True)
    (context / "etc/random").write_bytes(random.randbytes(1 << 20))
    (context / "etc/zeros").write_bytes(bytes(100 << 20))
    (context / "Kubefile").write_text(f"FROM scratch\nLABEL {RUNTIME_TYPE_LABEL}=plain\nCOPY etc etc/\n")
    person.sealer("build", "-t", "empty-looking:v1", str(context))
    layers = ImageStore(person.sealer_home).resolve("empty-looking:v1").layers
    assert sum(layer.size for layer in layers) < 2 << 20
    wanted = SPARE + sum(layer.size for layer in layers) + (101 << 20)
    node = lab.node("n1")
    flags = person.host_flags()
    for size, code in ((wanted - (1 << 20), UNFIT), (wanted + (1 << 20), 0)):
        node.run(["sh", "-c", f"mkdir -p /var/lib/sealer; mount -t tmpfs -o size={size} x /var/lib/sealer"])
        try:
            done = person.sealer("check", "empty-looking:v1", *flags, "-o", "json", code=code)
        finally:
            node.run(["sh", "-c", "umount /var/lib/sealer; rmdir /var/lib/sealer"])
        errors = [item for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"]
        assert [item["check"] for item in errors] == (["disk-space"] if code else [])


def test_hosts_without_systemd_are_refused_in_plain_words(module_lab_nodes: LabNodes, tmp_path: Path) -> None:
    lab = module_lab_nodes(1, "sshd")
    node = lab.node("n1")
    person = plain_operator(tmp_path).trusting(lab)
    make_plain_image(person)
    before = snapshot(node)
    for name, prepare in (("sysvinit", ":"), ("openrc", "mkdir /run/openrc")):
        node.run(["sh", "-c", prepare])
        done = person.sealer("check", IMAGE, *person.host_flags(), "-o", "json", code=UNFIT)
        errors = [item for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"]
        (refusal,) = (item for item in errors if item["check"] == "init-system")
        assert refusal["found"] == f"its init system is {name}"
        assert refusal["wanted"] == "systemd"
        assert "install a system with systemd" in refusal["mend"]
        refused = person.sealer("run", IMAGE, *person.host_flags(), code=UNFIT)
        assert f"its init system is {name}" in refused.stderr
        strict = person.sealer("run", IMAGE, *person.host_flags(), "--ignore", "init-system", code=2)
        assert "services of a cluster are units of systemd" in strict.stderr
    node.run(["rmdir", "/run/openrc"])
    assert compare(before, snapshot(node)) == ()


@pytest.mark.kubernetes
def test_fresh_machines_are_fit_for_the_cluster_image(user: Operator, lab: Lab) -> None:
    assert check(user.trusting(lab), CLUSTER_IMAGE) == []


@pytest.mark.kubernetes
@pytest.mark.parametrize("fault", KUBERNETES_FAULTS, ids=lambda fault: fault.check)
def test_a_fault_that_matters_to_the_image_is_found(fault: Fault, user: Operator, lab: Lab) -> None:
    person = user.trusting(lab)
    with made(fault, lab):
        found = check(person, CLUSTER_IMAGE, code=UNFIT)
        flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
        refused = person.sealer("run", CLUSTER_IMAGE, *flags, code=UNFIT)
    require_found(fault, lab, found)
    assert fault.check in refused.stderr


@pytest.mark.kubernetes
def test_a_check_that_is_ignored_stops_nothing(user: Operator, lab: Lab) -> None:
    person = user.trusting(lab)
    with made(KUBERNETES_FAULTS[0], lab):
        flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
        person.sealer("plan", CLUSTER_IMAGE, *flags, "--ignore", "ports-reachable")
        person.sealer("plan", CLUSTER_IMAGE, *flags, code=UNFIT)
