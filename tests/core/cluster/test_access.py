"""From what a Clusterfile says to how a host is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.cluster.access import Access, targets
from sealer.clusterfile import parse_clusterfile
from sealer.hosts import HostKeyPolicy, Redactor, Secret, Target


def ask(what: str) -> Secret:
    return Secret(f"answer about the {what}")


def reached(spec: str, *, accept_new: bool = False, redactor: Redactor | None = None) -> dict[str, Target]:
    head = "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: c}\nspec: "
    cluster = parse_clusterfile(head + spec, "Clusterfile", {}).cluster
    found = targets(cluster, Access(ask=ask, accept_new=accept_new), redactor or Redactor())
    return {target.name: target for target in found}


def test_a_jump_host_gets_user_and_key_of_the_host_behind_it_but_no_password() -> None:
    (target,) = reached("""{
        ssh: {user: admin, port: 2022, passwd: hunter2, pk: /key, pkPasswd: open, sudoPasswd: hunter3,
              identitiesOnly: true,
              hostKeyFingerprints: ["SHA256:0000000000000000000000000000000000000000000"],
              jump: bastion},
        hosts: [{ips: [192.0.2.1], roles: [master]}]}""").values()
    assert target.ssh is not None
    (hop,) = target.ssh.jump
    assert (hop.name, hop.address) == ("admin@bastion", "bastion")
    assert hop.ssh is not None
    assert (hop.ssh.user, hop.ssh.port, hop.ssh.private_key) == ("admin", 22, Path("/key"))
    assert hop.ssh.passphrase == Secret("open")
    assert hop.ssh.identities_only
    assert (hop.ssh.password, hop.ssh.sudo_password, hop.ssh.fingerprints) == (None, None, ())


def test_a_jump_host_with_a_key_of_its_own_gets_no_passphrase_of_another() -> None:
    (target,) = reached(
        """{ssh: {pk: /key, pkPasswd: open,
                  jump: {host: b, user: ops, port: 2222, pk: /other, passwdFrom: prompt}},
            hosts: [{ips: [192.0.2.1], roles: [master]}]}""",
        accept_new=True,
    ).values()
    assert target.ssh is not None
    (hop,) = target.ssh.jump
    assert hop.name == "ops@[b]:2222"
    assert hop.ssh is not None
    assert (hop.ssh.private_key, hop.ssh.passphrase) == (Path("/other"), None)
    assert hop.ssh.password == Secret("answer about the password of ops@[b]:2222")
    assert hop.ssh.host_key_policy is HostKeyPolicy.ACCEPT_NEW


@pytest.mark.parametrize(
    ("host", "way"),
    [
        ("192.0.2.1", ["root@192.0.2.101", "root@192.0.2.102"]),
        ("192.0.2.101", []),
        ("192.0.2.102", ["root@192.0.2.101"]),
    ],
)
def test_a_jump_host_that_is_a_host_of_the_cluster_is_not_behind_itself(host: str, way: list[str]) -> None:
    spec = f"{{ssh: {{jump: '192.0.2.101,192.0.2.102'}}, hosts: [{{ips: [{host}], roles: [master]}}]}}"
    target = reached(spec)[host]
    assert target.ssh is not None
    assert [hop.name for hop in target.ssh.jump] == way


def test_secrets_of_jump_hosts_are_taken_out_of_texts() -> None:
    redactor = Redactor()
    spec = "{ssh: {jump: {host: b, passwd: hunter2}}, hosts: [{ips: [192.0.2.1], roles: [master]}]}"
    reached(spec, redactor=redactor)
    assert redactor.redact("it is hunter2") == "it is ***"


@pytest.mark.parametrize(
    ("common", "own", "by_root", "by_anna"),
    [
        ("", "", True, True),
        ("user: anna", "", True, True),
        ("user: anna, passwd: x", "", True, True),
        ("user: root, pk: /key", "", True, False),
        ("pk: /key", "", True, False),
        ("passwd: x", "", True, False),
        ("sudoPasswd: x", "", True, True),
        ("", "user: root", False, False),
        ("port: 2222", "", False, False),
        ("jump: bastion", "", False, False),
    ],
)
def test_an_own_address_is_worked_on_without_ssh_unless_a_way_to_it_is_asked_for(
    common: str, own: str, *, by_root: bool, by_anna: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = f"{{ssh: {{{common}}}, hosts: [{{ips: [192.0.2.1], roles: [master], ssh: {{{own}}}}}]}}"
    monkeypatch.setenv("LOGNAME", "anna")  # what getpass asks first
    for number, expected in ((0, by_root), (1000, by_anna)):
        monkeypatch.setattr("os.geteuid", lambda number=number: number)
        assert reached(spec)["192.0.2.1"].local is expected
