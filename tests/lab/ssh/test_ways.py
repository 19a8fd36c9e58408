"""Host names, IPv6 addresses, and jump hosts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sealer.testing.sshd import make_key
from tests.lab.plain import IMAGE
from tests.lab.ssh.net import UNFIT, Net, check

pytestmark = pytest.mark.lab

IPV6 = "fd00:10:97::"


def test_host_names_and_ipv6(net: Net) -> None:
    named = net.operator.sealer("check", "-m", "n1", "-n", "n3", "--pk", str(net.key), "-o", "json")
    assert {"host-address", "default-route", "mtu-path"}.isdisjoint(
        finding["check"] for finding in json.loads(named.stdout)["findings"]
    )
    net.operator.sealer("run", IMAGE, "-m", "n1", "-n", "n3", "--pk", str(net.key))
    for name in ("n1", "n3"):
        hosts = net.lab.node(name).run(["grep", "plain.example", "/etc/hosts"]).stdout
        assert hosts.split()[0] == net.address("n1")
    net.operator.sealer("plan", IMAGE, "-m", "n1", "-n", "n3", "--pk", str(net.key), "--detailed-exitcode")
    net.operator.sealer("delete", "--all", "--yes")
    net.operator.run("ip", "-6", "address", "add", f"{IPV6}1/64", "dev", "lab0", "nodad")
    for number, node in enumerate(net.lab.nodes, start=11):
        node.run(["ip", "-6", "address", "add", f"{IPV6}{number}/64", "dev", "eth0", "nodad"])
        node.run(["ip", "-6", "route", "add", "default", "via", f"{IPV6}1"])
    stranger = replace(net.operator, home=net.operator.home / "stranger")
    stranger.home.mkdir()
    words = ("-n", f"[{IPV6}13]:2222", "--pk", str(net.key), "--accept-new")
    stranger.sealer("check", "-m", f"{IPV6}11", *words)
    recorded = (stranger.sealer_home / "known_hosts").read_text()
    assert [line.split()[0] for line in sorted(recorded.splitlines())] == [f"[{IPV6}13]:2222", f"{IPV6}11"]
    stranger.sealer("check", "-m", f"{IPV6}12", "--jump", f"{IPV6}11", *words[2:])
    file = net.clusterfile(f"""
        ssh: {{pk: {net.key}}}
        hosts:
        - {{ips: ["[{IPV6}11]"], roles: [master]}}
        - {{ips: ["[{IPV6}13]:2222"], roles: [node]}}
        """)
    stranger.sealer("check", "-f", str(file))
    refused = stranger.sealer("check", "-m", "fe80::1", *words[2:], code=2)
    assert "fe80::1 is valid on one link only" in refused.stderr


def test_a_jump_host_that_fails_is_named(net: Net) -> None:
    bastion = net.address("n1")
    key = ("--pk", str(net.key))
    assert "refuses connections" in check(net, *key, code=UNFIT, name="n2")
    check(net, *key, "--jump", bastion, name="n2")
    wrong = check(net, *key, "--jump", f"stranger@{bastion}", code=UNFIT, name="n2")
    assert f"jump host stranger@{bastion}: login as stranger was refused" in wrong
    nobody = replace(net, operator=replace(net.operator, home=net.operator.home / "nobody"))
    nobody.operator.home.mkdir()
    unknown = check(nobody, *key, "--jump", f"free@{bastion}", code=UNFIT, name="n2")
    assert f"jump host free@{bastion}: the host key is not known" in unknown
    nowhere = check(net, *key, "--jump", f"free@{bastion}", "--port", "23", code=UNFIT, name="n2")
    assert f"port 23 can't be reached from jump host free@{bastion}" in nowhere


def test_a_jump_host_with_a_user_a_key_and_known_hosts_of_its_own(net: Net) -> None:
    bastion, behind = net.address("n1"), net.address("n2")
    key = net.operator.home / "bastion-key"
    make_key(key)
    node = net.lab.node("n1")
    node.run(
        ["sh", "-c", "cat >> /home/free/.ssh/authorized_keys"], input=key.with_suffix(".pub").read_text()
    )
    lines = net.lab.known_hosts_path.read_text().splitlines(keepends=True)
    for name in ("n1", "n2"):
        net.file(f"known-{name}", "".join(line for line in lines if net.address(name) in line.split()[0]))
    stranger = replace(net.operator, home=net.operator.home / "wayfarer")
    stranger.home.mkdir()

    def told(known: str) -> str:
        file = net.clusterfile(f"""
            ssh: {{pk: {net.key}, knownHosts: {net.operator.home}/known-n2}}
            hosts:
            - ips: [{behind}]
              roles: [master]
              ssh:
                jump: {{host: {bastion}, user: free, pk: {key}, knownHosts: {net.operator.home}/{known}}}
            """)
        return stranger.sealer("check", "-f", str(file), code=0 if known == "known-n1" else UNFIT).stdout

    assert "fit: 0 errors" in told("known-n1")
    assert f"jump host free@{bastion}: the host key is not known" in told("known-n2")
