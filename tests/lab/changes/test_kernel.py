"""Parameters, modules, links, routes and netfilter rules of a real machine's kernel."""

from __future__ import annotations

import pytest

from sealer.changes import Module, OwnedChains, OwnedLinks, OwnedRoutes, OwnedRules, Sysctl
from tests.lab.machine import Machine

pytestmark = pytest.mark.lab


def test_settings_of_the_kernel_that_we_or_others_change(any_shell: Machine) -> None:
    ours = Sysctl(name="net.ipv4.conf.all.arp_announce", value="2")
    theirs = Sysctl(name="net.ipv4.conf.all.arp_ignore")
    missing = Sysctl(name="net.ipv4.no_such_setting")
    with any_shell.unharmed():
        assert any_shell.apply(ours, theirs, missing) == ["changed", "changed", "same"]
        any_shell.run("echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore")
        assert any_shell.apply(ours, theirs, missing) == ["same", "same", "same"]
        any_shell.undo()


def test_modules_the_kernel_has_already_stay(machine: Machine) -> None:
    with machine.unharmed():
        assert machine.apply(Module(name="overlay")) == ["same"]
        found, said = machine.attempt(Module(name="no-such-module"))
        assert found == ["failed"]
        assert "no-such-module" in said
        machine.undo()


def test_modules_that_came_with_one_go_with_it_and_no_others(machine: Machine) -> None:
    # The kernel of the tests can't load modules, so what talks to it is stood in for.
    machine.node.run(["sh", "-c", "cat > /usr/local/sbin/modprobe"], input=MODPROBE)
    machine.run("printf '#!/bin/sh\necho rmmod \"$1\" >> /run/asked\n' > /usr/local/sbin/rmmod")
    machine.run("chmod 755 /usr/local/sbin/modprobe /usr/local/sbin/rmmod; rm -f /run/asked")
    try:
        assert machine.apply(Module(name="trial-one")) == ["changed"]
        machine.undo()
        assert machine.run("cat /run/asked").splitlines() == [
            "modprobe trial-one",
            "rmmod trial_one",
            "rmmod trial_needed",
        ]
    finally:
        machine.run("rm -f /usr/local/sbin/modprobe /usr/local/sbin/rmmod /run/asked")


def test_network_links(any_shell: Machine) -> None:
    any_shell.run("ip link add cni9 type bridge")
    with any_shell.unharmed():
        any_shell.apply(OwnedLinks(patterns=("cni*", "veth*")))
        any_shell.run("ip link add cni0 type bridge; ip link add veth1 type veth peer name veth2")
        any_shell.run("ip link set cni0 up; ip link set veth1 master cni0")
        any_shell.run("ip address add 192.0.2.1/24 dev cni0")
        any_shell.undo()
    any_shell.run("ip link delete cni9")


def test_routes(any_shell: Machine) -> None:
    claim = OwnedRoutes(networks=("10.244.0.0/16", "fd00:244::/48"))
    any_shell.run("ip link add trial0 type bridge; ip link set trial0 up")
    any_shell.run("ip address add 192.0.2.1/24 dev trial0; ip -6 address add fd00:1::1/64 dev trial0 nodad")
    any_shell.run("ip route add 10.244.9.0/24 via 192.0.2.9; ip route add 10.245.0.0/16 via 192.0.2.9")
    with any_shell.unharmed():
        any_shell.apply(claim)
        any_shell.run("ip route add 10.244.1.0/24 via 192.0.2.2 proto 77")
        any_shell.run("ip route add 10.244.2.0/24 dev trial0; ip route add blackhole 10.244.3.0/24")
        any_shell.run("ip -6 route add fd00:244:0:1::/64 via fd00:1::9")
        assert any_shell.apply(claim) == ["same"]
        any_shell.undo()
    any_shell.run("ip link delete trial0")


MODPROBE = """\
#!/bin/sh
if [ "$1" = --show-depends ]; then
  echo 'builtin trial_inside'
  echo 'insmod /lib/modules/1.2/kernel/fs/overlay.ko.xz index=off'
  echo 'insmod /lib/modules/1.2/kernel/trial-needed.ko'
  echo 'insmod /lib/modules/1.2/kernel/trial-one.ko.zst'
else
  echo modprobe "$@" >> /run/asked
fi
"""

OUR_RULES = """\
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-1 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals; it's \\"quoted\\"" -j KUBE-SERVICES
-A OUTPUT -g KUBE-SERVICES
-A POSTROUTING ! -s 192.0.2.0/24 -j KUBE-SVC-1
-A KUBE-SERVICES -d 192.0.2.7/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-1
-A KUBE-SVC-1 -j RETURN
COMMIT
*filter
:KUBE-FORWARD - [0:0]
-A FORWARD -j KUBE-FORWARD
-A KUBE-FOREIGN -j KUBE-FORWARD
-A KUBE-FORWARD -j ACCEPT
COMMIT
"""

FOREIGN_RULES = """\
*filter
:KUBE-FOREIGN - [0:0]
:MINE - [0:0]
-A INPUT -p tcp -m tcp --dport 7777 -m comment --comment "keep -j KUBE-FORWARD" -j ACCEPT
-A INPUT -j KUBE-FOREIGN
-A KUBE-FOREIGN -s 192.0.2.1/32 -j MINE
-A MINE -j DROP
COMMIT
"""


@pytest.mark.parametrize("foreign", [True, False], ids=["beside foreign rules", "alone"])
def test_netfilter_chains(any_shell: Machine, *, foreign: bool) -> None:
    node = any_shell.node
    if foreign:
        node.run(["iptables-restore"], input=FOREIGN_RULES)
        node.run(["ip6tables-restore"], input=FOREIGN_RULES.replace("192.0.2.1/32", "fd00::1/128"))
        any_shell.run("nft add table inet mine; nft add chain inet mine KUBE-MINE")
    rules = (
        OUR_RULES
        if foreign
        else "".join(f"{line}\n" for line in OUR_RULES.splitlines() if "FOREIGN" not in line)
    )
    claim = OwnedChains(prefixes=("KUBE-", "CNI-"))
    with any_shell.unharmed():
        any_shell.apply(claim)
        node.run(["iptables-restore", "--noflush"], input=rules)
        six = rules.replace("192.0.2.0/24", "fd00::/64").replace("192.0.2.7/32", "fd00::7/128")
        node.run(["ip6tables-restore", "--noflush"], input=six)
        assert any_shell.apply(claim) == ["same"]
        any_shell.undo()
    any_shell.run("nft flush ruleset")


RULES_OF_PODS = """\
*filter
-A FORWARD -s 10.244.0.0/16 -j ACCEPT
COMMIT
*nat
-A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "masq of pods" -j RETURN
-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
COMMIT
"""
FOREIGN_RULES_OF_PODS = """\
*filter
-A FORWARD -d 10.244.0.0/16 -m comment --comment "an administrator's" -j DROP
-A FORWARD -s 10.244.0.0/24 -j ACCEPT
COMMIT
"""


@pytest.mark.parametrize("foreign", [True, False])
def test_rules_about_networks_of_pods(any_shell: Machine, foreign: bool) -> None:
    node = any_shell.node
    if foreign:
        node.run(["iptables-restore"], input=FOREIGN_RULES_OF_PODS)
    claims = (OwnedChains(prefixes=("KUBE-",)), OwnedRules(networks=("10.244.0.0/16", "fd00:244::/48")))
    with any_shell.unharmed():
        any_shell.apply(*claims)
        node.run(["iptables-restore", "--noflush"], input=RULES_OF_PODS)
        assert any_shell.apply(*claims) == ["same", "same"]
        any_shell.undo()
    any_shell.run("nft flush ruleset")
