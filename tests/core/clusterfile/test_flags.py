"""Clusters described by flags."""

from __future__ import annotations

import pytest

from sealer.clusterfile import HostSpec, JumpSpec, SshSpec, cluster_from_flags
from sealer.errors import UsageError
from sealer.secret import Secret
from tests.core.clusterfile.helpers import cluster


def test_flags_alone_describe_a_cluster() -> None:
    spec = cluster_from_flags(
        "192.0.2.1-192.0.2.2, name:2222",
        "192.0.2.9",
        user="admin",
        password=Secret("x"),
        private_key="~/.ssh/key",
        port=2200,
        env=["A=b=c", "EMPTY="],
        image="example.org/a:1",
        cmds=("echo a,b",),
        app_names=(),
    )
    assert spec.name == "my-cluster"
    assert spec.hosts == (
        HostSpec(address="192.0.2.1", roles=("master",)),
        HostSpec(address="192.0.2.2", roles=("master",)),
        HostSpec(address="name", roles=("master",), ssh=SshSpec(port=2222)),
        HostSpec(address="192.0.2.9", roles=("node",)),
    )
    assert spec.ssh == SshSpec(user="admin", password=Secret("x"), private_key="~/.ssh/key", port=2200)
    assert [spec.ssh_of(host).port for host in spec.hosts] == [2200, 2200, 2222, 2200]
    assert spec.env == {"A": "b=c", "EMPTY": ""}
    assert (spec.image, spec.cmds, spec.app_names) == ("example.org/a:1", ("echo a,b",), ())


def test_ipv6_addresses_and_ranges() -> None:
    spec = cluster_from_flags("2001:db8::1-2001:db8::2", "[2001:db8::9]:2222")
    assert [host.address for host in spec.hosts] == ["2001:db8::1", "2001:db8::2", "2001:db8::9"]
    assert spec.hosts[2].ssh.port == 2222


def test_a_way_through_jump_hosts() -> None:
    spec = cluster_from_flags("192.0.2.1", jump="ops@bastion:2222, [2001:db8::1]:22", identities_only=True)
    assert spec.ssh.jump == (
        JumpSpec(address="bastion", ssh=SshSpec(user="ops", port=2222)),
        JumpSpec(address="2001:db8::1", ssh=SshSpec(port=22)),
    )
    assert spec.ssh.identities_only is True


@pytest.mark.parametrize("jump", ["a,,b", "@bastion", "ops@", "bastion:0", "192.0.2.1-192.0.2.2", "a b", ","])
def test_a_flag_that_names_no_jump_host(jump: str) -> None:
    with pytest.raises(UsageError, match="--jump: "):
        cluster_from_flags("192.0.2.1", jump=jump)


BASE = """
    image: example.org/base:1
    env: {A: file, B: file}
    cmd: [from file]
    ssh: {user: admin, port: 22}
    hosts: [{ips: [192.0.2.1], roles: [master], ssh: {user: core}}]
"""


def test_flags_go_over_a_clusterfile() -> None:
    spec = cluster_from_flags(nodes="192.0.2.2", user="root", env=["B=flag"], base=cluster(BASE))
    assert [host.address for host in spec.hosts] == ["192.0.2.1", "192.0.2.2"]
    assert [spec.ssh_of(host).user for host in spec.hosts] == ["core", "root"]
    assert spec.env == {"A": "file", "B": "flag"}
    assert (spec.name, spec.image, spec.cmds, spec.ssh.port) == (
        "c",
        "example.org/base:1",
        ("from file",),
        22,
    )


def test_no_flags_leave_a_clusterfile_as_it_is() -> None:
    assert cluster_from_flags(base=cluster(BASE)) == cluster(BASE)
    assert cluster_from_flags(base=cluster(BASE), name="other").name == "other"


def test_an_address_in_flag_and_file_is_refused_with_both_places() -> None:
    with pytest.raises(UsageError, match=r"--nodes: 192\.0\.2\.1 is given twice, first at Clusterfile:9:18"):
        cluster_from_flags(nodes="192.0.2.1", base=cluster(BASE))


def test_all_mistakes_in_flags_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        cluster_from_flags(
            "192.0.2.1,,192.0.2.1", "300.0.0.1", env=["1=2", "hunter2"], port=70000, name="../c"
        )
    message = str(caught.value)
    for part in (
        "between two commas",
        "given twice, first at --masters",
        "300.0.0.1",
        "'1'",
        "70000",
        "../c",
    ):
        assert part in message
    assert "hunter2" not in message
