"""Scripts that are not ours, on a real machine: run as they are, and taken back with all they did."""

from __future__ import annotations

import pytest

from sealer.changes import Command, OwnedChains, foreign_script
from sealer.testing import example_cluster, example_host, example_image
from sealer_registry_distribution.registry import Distribution
from tests.lab.machine import BUSYBOX, DATA, Machine

pytestmark = pytest.mark.lab

ROOT = "/srv/image/rootfs"

HOST = f"""\
mkdir -p {ROOT}/bin {ROOT}/scripts
echo 'the image' > {ROOT}/bin/trial-tool
echo "the host's" > /usr/bin/trial-tool
echo 'kept = yes' > /etc/trial.conf
echo 'mine' > /etc/trial-gone
printf '%s\\n' '[Service]' 'ExecStart=/bin/sleep 1000' '[Install]' 'WantedBy=multi-user.target' \\
  > /etc/systemd/system/trial-old.service
systemctl daemon-reload
systemctl -q enable --now trial-old.service"""

CLEAN = """\
systemctl -q disable --now trial-old.service
rm -rf /srv/image /usr/bin/trial-tool /etc/trial.conf /etc/trial-gone /etc/systemd/system/trial-old.service
systemctl daemon-reload"""

INSTALL = """\
set -e
cp bin/trial-tool /usr/bin/
echo "$Greeting $1" > /usr/local/bin/trial-new
mkdir -p /opt/trial/deep /etc/trial.d/deep
touch /opt/trial/deep/file /etc/trial.d/deep/file
echo 'kept = no' > /etc/trial.conf
rm /etc/trial-gone
systemctl -q disable --now trial-old.service
printf '%s\\n' '[Service]' 'ExecStart=/bin/sleep 1000' '[Install]' 'WantedBy=multi-user.target' \
  > /etc/systemd/system/trial-new.service
systemctl -q enable --now trial-new.service
echo 17 > /proc/sys/net/ipv4/ipfrag_time
"""

CUT_OFF = """\
p=$$ all=
while [ "$p" -gt 0 ]; do all="$p $all"; p=$(cut -d ' ' -f 4 "/proc/$p/stat"); done
kill -9 $all
"""
"""Ends the script with all that waits for it, as when a host goes down."""

UNINSTALL = "rm -f /usr/local/bin/trial-new /usr/bin/trial-tool /etc/trial.conf\n"


@pytest.fixture
def host(machine: Machine) -> Machine:
    return prepared(machine)


@pytest.fixture
def any_host(any_shell: Machine) -> Machine:
    return prepared(any_shell)


def prepared(machine: Machine) -> Machine:
    machine.run(HOST)
    write(machine, "install.sh", INSTALL)
    write(machine, "uninstall.sh", UNINSTALL)
    return machine


def write(machine: Machine, name: str, text: str) -> None:
    machine.node.run(["sh", "-c", f"cat > {ROOT}/scripts/{name}"], input=text)


def installed(**changes: str) -> Command:
    return foreign_script(
        "scripts/install.sh",
        directory=ROOT,
        arguments=("a b", "$HOME"),
        env={"Greeting": "it's", "not-a-name": "x"},
        uninstall="scripts/uninstall.sh",
        **changes,
    )


def test_what_a_script_does_is_taken_back_whatever_its_own_uninstaller_removes(any_host: Machine) -> None:
    command = installed()
    with any_host.unharmed():
        assert any_host.apply(command) == ["changed"]
        assert any_host.run("cat /usr/local/bin/trial-new") == "it's a b\n"
        assert any_host.run("systemctl is-active trial-new") == "active\n"
        assert any_host.apply(command) == ["same"]
        any_host.undo()
    any_host.run(CLEAN)


def test_a_script_that_fails_says_so_and_is_taken_back_before_it_runs_again(host: Machine) -> None:
    write(host, "install.sh", f"{INSTALL}echo 'no space for it' >&2\nexit 7\n")
    command = installed()
    with host.unharmed():
        states, said = host.attempt(command)
        assert states == ["failed"]
        assert "no space for it" in said
        assert "scripts/install.sh of the image failed with status 7" in said
        write(host, "install.sh", f"grep -q yes /etc/trial.conf\n{INSTALL}")
        assert host.apply(command) == ["changed"]
        host.undo()
        write(host, "install.sh", f"{INSTALL}echo 'no space for it' >&2\nexit 7\n")
    host.run(CLEAN)


def test_one_that_was_cut_off_is_taken_back_without_what_came_later(any_host: Machine) -> None:
    write(any_host, "install.sh", f"{INSTALL}{CUT_OFF}")
    states, _ = any_host.attempt(installed())
    assert states == []
    any_host.run("sleep 3; echo later > /etc/trial-later; echo later > /usr/bin/trial-later")
    write(any_host, "install.sh", INSTALL)
    assert any_host.apply(installed()) == ["changed"]
    any_host.undo()
    told = any_host.run(
        "cat /etc/trial-later /usr/bin/trial-later /usr/bin/trial-tool /etc/trial.conf /etc/trial-gone"
    )
    assert told == "later\nlater\nthe host's\nkept = yes\nmine\n"
    assert any_host.run("ls -d /usr/local/bin/trial-new /opt/trial 2>/dev/null || :") == ""
    any_host.run(f"rm /etc/trial-later /usr/bin/trial-later; {CLEAN}")


def test_what_somebody_else_changed_since_is_left(host: Machine) -> None:
    assert host.apply(installed()) == ["changed"]
    host.run(
        "echo 'kept = by me' > /etc/trial.conf; echo me > /etc/trial.d/deep/mine; echo me > /usr/bin/mine"
    )
    write(host, "uninstall.sh", "true\n")
    host.undo()
    assert host.run("cat /etc/trial.conf /etc/trial.d/deep/mine /usr/bin/mine") == "kept = by me\nme\nme\n"
    assert host.run("cat /usr/bin/trial-tool /etc/trial-gone") == "the host's\nmine\n"
    host.run(f"{CLEAN}; rm -r /etc/trial.d /usr/bin/mine")


FILTER = """\
set -e
iptables -P FORWARD DROP
iptables -A FORWARD -i trial0 ! -o trial0 -j ACCEPT
iptables -t nat -A POSTROUTING -s 172.30.0.0/16 -m comment --comment "it's" -j MASQUERADE
"""
"""What Docker does to netfilter beside its own chains."""


def test_rules_and_policies_of_netfilter_are_taken_back_and_those_of_others_stay(host: Machine) -> None:
    write(host, "install.sh", FILTER)
    claim = OwnedChains(prefixes=("TRIAL-",))
    with host.unharmed():
        assert host.apply(claim, installed())[-1] == "changed"
        assert "-P FORWARD DROP\n" in host.run("iptables -S")
        host.undo()
    host.run("iptables -A FORWARD -i mine -j DROP")
    assert host.apply(claim, installed())[-1] == "changed"
    host.run("iptables -A FORWARD -o mine -j DROP; iptables -D FORWARD -i trial0 ! -o trial0 -j ACCEPT")
    host.undo()
    rules = host.run("iptables -S FORWARD; iptables -F FORWARD; iptables -t nat -S POSTROUTING")
    policy = "-P FORWARD ACCEPT\n"
    assert rules == f"{policy}-A FORWARD -i mine -j DROP\n-A FORWARD -o mine -j DROP\n-P POSTROUTING ACCEPT\n"
    host.run(CLEAN)


def test_without_an_uninstaller_it_is_all_taken_back_just_so(host: Machine) -> None:
    host.run(f"rm {ROOT}/scripts/uninstall.sh")
    with host.unharmed():
        assert host.apply(installed()) == ["changed"]
        host.undo()
    host.run(CLEAN)


def test_a_registry_of_an_image_is_started_by_its_script(machine: Machine) -> None:
    rootfs = f"{DATA}/rootfs"
    script = f"""\
test -s certs/sea.hub.crt && test -s certs/sea.hub.key && grep -q ^sealer: etc/registry_htpasswd
echo "$PWD $* $HostIP" > /etc/trial-registry
{BUSYBOX}/nc -ll -p $1 -e true </dev/null >/dev/null 2>&1 &
echo $! > /etc/trial-process
"""
    machine.run(f"mkdir -p {rootfs}/scripts {rootfs}/etc")
    machine.node.run(["sh", "-c", f"cat > {rootfs}/scripts/init-registry.sh"], input=script)
    image = example_image(files={"scripts/init-registry.sh": script})
    view = example_cluster(
        example_host(1, master=True), image=image, name=DATA.rpartition("/")[2], data_root="/var/lib"
    )
    (step,) = Distribution().serve(view)
    assert machine.apply(*step.changes) == ["changed"] * (len(step.changes) - 1) + ["same"]
    assert machine.run("cat /etc/trial-registry") == (
        f"{rootfs} 5000 {DATA}/store/registry sea.hub 10.0.0.1\n"
    )
    machine.run("kill $(cat /etc/trial-process)")
    machine.undo()
    assert machine.run("ls /etc/trial-registry 2>&1 || :").startswith("ls: ")
