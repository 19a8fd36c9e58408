"""What a document of kind Cluster may say, and what is wrong with it when it says it wrongly."""

from __future__ import annotations

import pytest

from sealer.clusterfile import (
    PROMPT,
    HostAlias,
    HostSpec,
    JumpSpec,
    LocalRegistry,
    SecretReference,
    SecretScheme,
    SshSpec,
    require_master,
)
from sealer.errors import UsageError
from sealer.secret import Secret
from tests.core.clusterfile.helpers import cluster, document, errors_of, hints_of, parse, problems_of


def test_every_field_is_read() -> None:
    spec = cluster("""
        image: example.org/kubernetes:v1.30
        env: [PodCIDR=10.244.0.0/16, "GREETING=a=b c"]
        appNames: [web]
        cmd: ["kubectl get nodes"]
        dataRoot: /data/sealer/
        containerRuntime: {type: containerd}
        registry: {localRegistry: {domain: sea.hub, port: 5001}}
        hostAliases: [{ip: 192.0.2.9, hostnames: [nfs, nfs.example.org]}]
        ssh: {user: admin, passwdFrom: "env:PW", pk: ~/.ssh/key, pkPasswdFrom: prompt, port: 2222}
        hosts:
        - ips: [192.0.2.1]
          roles: [master]
          ssh: {user: root, knownHosts: /etc/known}
          env: {A: 1}
          labels: {example.org/zone: a, empty: ""}
          taints: ["k=v:NoSchedule", "k:NoExecute", "k=:NoSchedule", k-, "k:NoSchedule-", "n-x=v:NoSchedule"]
        - ips: [192.0.2.2-192.0.2.3, worker-4]
          roles: [node, gpu]
    """)
    assert (spec.name, spec.image, spec.data_root) == ("c", "example.org/kubernetes:v1.30", "/data/sealer")
    assert spec.env == {"PodCIDR": "10.244.0.0/16", "GREETING": "a=b c"}
    assert (spec.app_names, spec.cmds) == (("web",), ("kubectl get nodes",))
    assert spec.container_runtime == "containerd"
    assert spec.registry == LocalRegistry(domain="sea.hub", port=5001)
    assert spec.external is None
    assert spec.host_aliases == (HostAlias(ip="192.0.2.9", hostnames=("nfs", "nfs.example.org")),)
    password = SecretReference(scheme=SecretScheme.ENV, argument="PW")
    assert spec.ssh == SshSpec(
        user="admin", password=password, private_key="~/.ssh/key", passphrase=PROMPT, port=2222
    )
    master, *workers = spec.hosts
    taints = ("k=v:NoSchedule", "k:NoExecute", "k=:NoSchedule", "k-", "k:NoSchedule-", "n-x=v:NoSchedule")
    assert master == HostSpec(
        address="192.0.2.1",
        roles=("master",),
        ssh=SshSpec(user="root", known_hosts="/etc/known"),
        env={"A": "1"},
        labels={"example.org/zone": "a", "empty": ""},
        taints=taints,
    )
    assert [host.address for host in workers] == ["192.0.2.2", "192.0.2.3", "worker-4"]
    assert {host.roles for host in workers} == {("node", "gpu")}
    assert (spec.masters, spec.nodes) == ((master,), tuple(workers))


def test_a_host_takes_from_the_cluster_what_it_does_not_say_itself() -> None:
    spec = cluster("""
        ssh: {user: admin, passwd: secret, port: 2222}
        hosts:
        - {ips: [192.0.2.1], roles: [master], ssh: {port: 22, passwdFrom: "file:/pw"}}
    """)
    ssh = spec.ssh_of(spec.hosts[0])
    assert (ssh.user, ssh.port, str(ssh.password)) == ("admin", 22, "file:/pw")


@pytest.mark.parametrize(
    "jump",
    [
        "ops@bastion:2222",
        "[ops@bastion:2222]",
        "{host: bastion, user: ops, port: 2222}",
        "[{host: Bastion, user: ops, port: '2222'}]",
    ],
)
def test_a_jump_host_can_be_written_in_short_and_at_length(jump: str) -> None:
    spec = cluster(f"ssh: {{jump: {jump}}}")
    assert spec.ssh.jump == (JumpSpec(address="bastion", ssh=SshSpec(user="ops", port=2222)),)


def test_a_host_may_be_reached_in_another_way_than_the_others() -> None:
    spec = cluster("""
        ssh: {jump: "a, ops@b", identitiesOnly: true}
        hosts:
        - {ips: [192.0.2.1], roles: [master], ssh: {jump: [], identitiesOnly: false}}
        - {ips: [192.0.2.2], roles: [node], ssh: {jump: {host: c, passwdFrom: "env:C", identitiesOnly: true}}}
        - {ips: [192.0.2.3], roles: [node]}
    """)
    direct, other, usual = (spec.ssh_of(host) for host in spec.hosts)
    assert (direct.jump, direct.identities_only) == ((), False)
    password = SecretReference(scheme=SecretScheme.ENV, argument="C")
    assert other.jump == (JumpSpec(address="c", ssh=SshSpec(password=password, identities_only=True)),)
    assert usual.jump == (JumpSpec(address="a"), JumpSpec(address="b", ssh=SshSpec(user="ops")))
    assert usual.identities_only is True


@pytest.mark.parametrize(
    ("ssh", "message"),
    [
        ("{jump: 'a b'}", "spec.ssh.jump: 'a b' is no IP address, range or host name"),
        ("{jump: ['a', 'ops@']}", "spec.ssh.jump[1]: 'ops@' is no jump host: write user@host:port"),
        ("{jump: {user: ops}}", "spec.ssh.jump.host is missing"),
        ("{jump: {host: 192.0.2.1-192.0.2.2}}", "spec.ssh.jump.host is not right: "),
        ("{jump: {host: a, jump: b}}", "spec.ssh.jump.jump is not a known field"),
        ("{jump: {host: a, port: 0}}", "spec.ssh.jump.port must be a number from 1 to 65535"),
        ("{identitiesOnly: yes}", "spec.ssh.identitiesOnly must be true or false"),
    ],
)
def test_ways_and_switches_that_make_no_sense(ssh: str, message: str) -> None:
    ((line, _, found),) = problems_of(document(f"ssh: {ssh}"))
    assert line == 5
    assert found.startswith(message)


def test_what_is_not_said_is_left_open() -> None:
    spec = cluster("hosts: []")
    assert (spec.image, spec.app_names, spec.cmds, spec.hosts) == (None, None, None, ())
    assert cluster("appNames: []").app_names == ()


def test_numbers_and_words_keep_the_text_they_were_written_with() -> None:
    spec = cluster("""
        env: {VERSION: 1.10, ANSWER: no, MODE: 0644, NOTHING: null}
        ssh: {user: on, passwd: 0123}
    """)
    assert spec.env == {"VERSION": "1.10", "ANSWER": "no", "MODE": "0644", "NOTHING": ""}
    assert (spec.ssh.user, spec.ssh.password) == ("on", Secret("0123"))


def test_what_the_go_tool_saves_is_read() -> None:
    text = document("image: a\nssh: {encrypted: false}")
    text = text.replace("{name: c}", "{creationTimestamp: null, name: c}") + "\nstatus: {}\n"
    assert parse(text.replace("sealer.io", "sealer.cloud")).cluster.image == "a"


def test_an_inline_secret_never_shows() -> None:
    clusterfile = parse(document("ssh: {passwd: hunter2, pkPasswd: hunter3}"))
    assert clusterfile.cluster.ssh.password == Secret("hunter2")
    assert "hunter" not in repr(clusterfile)


@pytest.mark.parametrize(
    "ssh",
    [
        "{passwdFrom: hunter2}",
        "{passwd: hunter2, passwdFrom: 'env:X'}",
        "{passwd: hunter2, port: x}",
        "{passwd: hunter2, nope: 1}",
        "{passwd: [hunter2]}",
        "{passwd: hunter2, passwd: a}",
        "{passwd: hunter2: x}",
        "{passwd:hunter2, port: 22}",
        "{passwdFrom: 'vault:hunter2'}",
        "{pkPasswd: hunter2, port: 99999}",
    ],
)
def test_an_error_beside_a_secret_does_not_show_it(ssh: str) -> None:
    error = errors_of(document(f"ssh: {ssh}"))
    shown = [f"{p.message} {p.hint} {p.place.excerpt()}" for p in error.problems]
    assert shown
    assert "hunter2" not in " ".join(shown)


@pytest.mark.parametrize(
    ("spec", "line", "column", "message"),
    [
        ("hots: []", 5, 3, "spec.hots is not a known field"),
        ("image: [a]", 5, 10, "spec.image must be a text, not a list"),
        ("hosts: {}", 5, 10, "spec.hosts must be a list, not a mapping"),
        ("ssh: root", 5, 8, "spec.ssh must be a mapping, not a text"),
        ("ssh: {port: 0}", 5, 15, "spec.ssh.port must be a number from 1 to 65535"),
        ("ssh: {port: ssh}", 5, 15, "spec.ssh.port must be a number from 1 to 65535"),
        ("ssh: {hostKeyFingerprints: [MD5:aa]}", 5, 31, "this is no fingerprint of a host key"),
        ("ssh: {encrypted: true}", 5, 20, "spec.ssh.encrypted is not supported"),
        ("dataRoot: data", 5, 13, "spec.dataRoot must be an absolute path of a directory, without .."),
        ("dataRoot: /", 5, 13, "spec.dataRoot must be an absolute path of a directory, without .."),
        ("dataRoot: /a/../..", 5, 13, "spec.dataRoot must be an absolute path of a directory, without .."),
        ("env: [A]", 5, 9, "spec.env[0] has no ="),
        ("env: [a-b=c]", 5, 9, "'a-b' is no name of a variable"),
        ("env: [A=1, A=2]", 5, 14, "A is set twice, first in line 5"),
        ("env: {A: [1]}", 5, 12, "spec.env.A must be a text, not a list"),
        ("env: x", 5, 8, "spec.env must be a mapping, not a text"),
        ("appNames: ['']", 5, 14, "spec.appNames[0] is empty"),
        ("cmd_args: [a]", 5, 3, "spec.cmd_args is not built yet"),
        (
            "registry: {externalRegistry: {port: 5000}}",
            5,
            32,
            "spec.registry.externalRegistry must have a domain",
        ),
        (
            "registry: {externalRegistry: {domain: 'a:5000'}}",
            5,
            41,
            "spec.registry.externalRegistry.domain must be a host name or an IPv4 address",
        ),
        (
            "registry: {externalRegistry: {domain: a, path: /x}}",
            5,
            50,
            "spec.registry.externalRegistry.path must be what repositories begin with, such as team/images",
        ),
        (
            "registry: {externalRegistry: {domain: a, username: ann}}",
            5,
            54,
            "spec.registry.externalRegistry.username has no password",
        ),
        (
            "registry: {externalRegistry: {domain: a, passwordFrom: 'env:A'}}",
            5,
            32,
            "spec.registry.externalRegistry.password has no username",
        ),
        (
            "registry: {localRegistry: {port: 1}, externalRegistry: {domain: a}}",
            5,
            58,
            "spec.registry.externalRegistry stands beside localRegistry",
        ),
        ("registry: {localRegistry: {ha: true}}", 5, 30, "spec.registry.localRegistry.ha is not built yet"),
        (
            "registry: {localRegistry: {domain: a b}}",
            5,
            38,
            "spec.registry.localRegistry.domain must be a host name, such as sea.hub",
        ),
        (
            "registry: {localRegistry: {caches: [{url: https://a.example}]}}",
            5,
            39,
            "spec.registry.localRegistry.caches[0].domain is missing",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: index.docker.io}]}}",
            5,
            48,
            "spec.registry.localRegistry.caches[0].domain is not what names of images begin with",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: https://a}]}}",
            5,
            48,
            "spec.registry.localRegistry.caches[0].domain must be a host name, perhaps with a port",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: 'a:0'}]}}",
            5,
            48,
            "spec.registry.localRegistry.caches[0].domain must be a host name, perhaps with a port",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: a, url: ftp://a}]}}",
            5,
            56,
            "spec.registry.localRegistry.caches[0].url must be the address of a registry",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: a, url: 'https://me:word@a'}]}}",
            5,
            56,
            "spec.registry.localRegistry.caches[0].url must be the address of a registry",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: a, username: ann}]}}",
            5,
            61,
            "spec.registry.localRegistry.caches[0].username has no password",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: a, url: 'http://a', username: ann, password: b}]}}",
            5,
            78,
            "spec.registry.localRegistry.caches[0].username would cross the network in the clear",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: a, mirror: b}]}}",
            5,
            51,
            "spec.registry.localRegistry.caches[0].mirror is not a known field",
        ),
        (
            "registry: {localRegistry: {caches: [{domain: a}, {domain: a}]}}",
            5,
            61,
            "spec.registry.localRegistry.caches[1].domain a is cached already",
        ),
        (
            "containerRuntime: {type: Docker!}",
            5,
            28,
            "spec.containerRuntime.type must be the name of a container runtime",
        ),
        ("hostAliases: [{ip: x, hostnames: [a]}]", 5, 22, "spec.hostAliases[0].ip must be an IP address"),
        (
            "hostAliases: [{ip: 192.0.2.1}]",
            5,
            17,
            "spec.hostAliases[0].hostnames must be a list of at least one name",
        ),
        ("hosts: [{roles: [node]}]", 5, 11, "spec.hosts[0].ips is missing"),
        ("hosts: [{ips: [a]}]", 5, 11, "spec.hosts[0].roles is missing"),
        ("hosts: [{ips: [a], roles: [masters]}]", 5, 30, "'masters' is too near to a built-in role"),
        (
            "hosts: [{ips: [a], roles: [Master]}]",
            5,
            30,
            "'Master' is no role: use lower-case letters, digits and dashes",
        ),
        ("hosts: [{ips: [a], roles: [node], taints: ['a=b']}]", 5, 46, "spec.hosts[0].taints[0] is no taint"),
        (
            "hosts: [{ips: [a], roles: [node], taints: ['a=b:NoShedule']}]",
            5,
            46,
            "NoShedule is no effect of a taint",
        ),
        (
            "hosts: [{ips: [a], roles: [node], labels: {a b: c}}]",
            5,
            46,
            "'a b' is no name of a Kubernetes label",
        ),
        (
            "hosts: [{ips: [a], roles: [node], labels: {a: b c}}]",
            5,
            46,
            "'b c' is no value of a Kubernetes label",
        ),
        ("hosts: [{ips: [1.2.3], roles: [node]}]", 5, 18, "'1.2.3' is no IP address, range or host name"),
        (
            "hosts: [{ips: ['a:22'], roles: [node], ssh: {port: 23}}]",
            5,
            18,
            "the port is 23 in ssh",
        ),
        ("hosts: [{ips: ['a:0'], roles: [node]}]", 5, 18, "0 is no port: it must be from 1 to 65535"),
        (
            "hosts: [{ips: ['fe80::1'], roles: [node]}]",
            5,
            18,
            "fe80::1 is valid on one link only: give the host's address in a network that all hosts reach",
        ),
        ("hosts: [{ips: [a, a], roles: [node]}]", 5, 21, "a is given twice, first at Clusterfile:5:18"),
    ],
)
def test_each_mistake_is_told_with_its_place(spec: str, line: int, column: int, message: str) -> None:
    assert problems_of(document(spec)) == [(line, column, message)]


def test_registries_that_are_cached_have_addresses() -> None:
    spec = cluster("""
        registry:
          localRegistry:
            caches:
            - domain: docker.io
              username: ann
              passwordFrom: env:WORD
            - {domain: "registry.example.org:5000", caFile: ca.crt}
            - {domain: quay.io, url: "https://mirror.example.org/quay/"}
    """)
    first, second, third = spec.registry.caches
    assert (first.domain, first.url, first.username) == ("docker.io", "https://registry-1.docker.io", "ann")
    assert first.password == SecretReference(scheme=SecretScheme.ENV, argument="WORD")
    assert (second.url, second.ca_file) == ("https://registry.example.org:5000", "ca.crt")
    assert (third.url, third.username, third.password) == ("https://mirror.example.org/quay", None, None)


def test_the_nearest_name_is_offered() -> None:
    assert hints_of(document("hots: []")) == ["did you mean hosts?"]
    assert hints_of(document("ssh: {Port: 1}")) == ["did you mean port?"]
    assert hints_of(document("hosts: [{ips: [a], roles: [mastr]}]")) == ["did you mean master?"]
    near = hints_of(document("hosts: [{ips: [a], roles: [node], taints: ['a:NoExec']}]"))
    assert near == ["did you mean NoExecute?"]


def test_all_mistakes_are_told_at_once_in_their_order() -> None:
    text = document("""
        hosts:
        - {ips: [300.0.0.1], roles: [node], ssh: {prt: 1}}
        - {ips: [192.0.2.1], roles: [nodes]}
        imge: a
    """)
    found = problems_of(text)
    assert [line for line, _, _ in found] == [6, 6, 7, 8]


def test_an_address_is_used_once_however_it_is_written() -> None:
    text = document("""
        hosts:
        - {ips: ["2001:DB8::1-2001:db8::4"], roles: [master]}
        - {ips: ["2001:db8:0::3"], roles: [node]}
    """)
    assert problems_of(text) == [(7, 12, "2001:db8::3 is given twice, first at Clusterfile:6:12")]


def test_hosts_are_of_one_ip_family() -> None:
    text = document("hosts: [{ips: [192.0.2.1, fd00::1, name], roles: [master]}]")
    assert problems_of(text) == [(5, 29, "fd00::1 is IPv6, but 192.0.2.1 is IPv4")]


def test_a_list_of_huge_ranges_is_bounded() -> None:
    ranges = ", ".join(f"10.{n}.0.0-10.{n}.19.0" for n in range(200))
    found = problems_of(document(f"hosts: [{{ips: [{ranges}], roles: [node]}}]"))
    assert [message for _, _, message in found] == ["there are more than 10000 hosts"]


def test_a_name_is_required_and_safe_as_a_directory() -> None:
    text = document("image: a")
    assert problems_of(text.replace("{name: c}", "{}")) == [(3, 11, "metadata must have a name")]
    bad = problems_of(text.replace("name: c", "name: ../c"))
    expected = "metadata.name must be lower-case letters, digits and dashes, at most 63 of them"
    assert bad == [(3, 18, expected)]


def test_a_cluster_image_needs_a_master() -> None:
    require_master(cluster("hosts: [{ips: [a], roles: [master]}]"))
    with pytest.raises(UsageError, match="no host is a master"):
        require_master(cluster("hosts: [{ips: [a], roles: [node]}]"))
    with pytest.raises(UsageError, match="no hosts are given"):
        require_master(cluster("image: a"))


def test_an_address_may_have_a_port_behind_it() -> None:
    text = "hosts: [{ips: ['[2001:db8::1]:2222', '[2001:db8::2]', '2001:db8::3'], roles: [master]}]"
    read = cluster(f"ssh: {{user: ops}}\n{text}")
    found = [(host.address, read.ssh_of(host).port, read.ssh_of(host).user) for host in read.hosts]
    assert found == [("2001:db8::1", 2222, "ops"), ("2001:db8::2", None, "ops"), ("2001:db8::3", None, "ops")]
