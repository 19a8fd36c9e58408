"""How the name of the API server leads to masters that are there."""

from __future__ import annotations

from dataclasses import replace

from sealer.changes import Change, Copy, HostsEntry, Unit
from sealer.model import MASTER, Cluster, Host
from sealer_runtime_k8s.balancer import endpoint_changes
from tests.plugins.kit import balanced_image, cluster, host

MASTERS = (host(1, MASTER), host(2, MASTER), host(3, MASTER))
NODES = (host(4), host(5))


def view(*, balanced: bool = True) -> Cluster:
    plain = cluster(*MASTERS, *NODES)
    return replace(plain, image=balanced_image()) if balanced else plain


def changes(member: Host, *, balanced: bool = True) -> list[Change]:
    return list(endpoint_changes(view(balanced=balanced), member, MASTERS))


def addresses(member: Host, *, balanced: bool = True) -> tuple[str, ...]:
    entry = next(c for c in changes(member, balanced=balanced) if isinstance(c, HostsEntry))
    assert entry.names == ("apiserver.cluster.local",)
    return (entry.address, *entry.further)


def test_a_master_asks_itself_first_and_the_others_when_it_refuses() -> None:
    assert addresses(MASTERS[0]) == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert addresses(MASTERS[2]) == ("10.0.0.3", "10.0.0.1", "10.0.0.2")
    assert [type(change) for change in changes(MASTERS[1])] == [HostsEntry]


def test_a_node_asks_its_balancer_and_the_masters_when_that_is_not_there() -> None:
    own, *others = addresses(NODES[0])
    assert own == "127.0.0.1"
    assert sorted(others) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert [type(change) for change in changes(NODES[0])] == [Copy, Unit, HostsEntry]


def test_nodes_without_a_balancer_spread_over_the_masters() -> None:
    first = {addresses(host(number), balanced=False)[0] for number in range(4, 40)}
    assert first == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    one = addresses(NODES[1], balanced=False)
    start = one.index("10.0.0.1")
    assert one[start:] + one[:start] == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert [type(change) for change in changes(NODES[1], balanced=False)] == [HostsEntry]


def test_balancers_of_all_nodes_are_alike_whatever_the_order_of_masters() -> None:
    texts = {
        change.content
        for node in NODES
        for masters in (MASTERS, MASTERS[::-1])
        for change in endpoint_changes(view(), node, masters)
        if isinstance(change, Unit)
    }
    (text,) = texts
    assert text is not None
    assert "--listen-addr=127.0.0.1:6443 " in text
    assert "--endpoints=10.0.0.1:6443,10.0.0.2:6443,10.0.0.3:6443 " in text


def test_masters_of_ip_version_6_have_names_that_the_balancer_can_dial() -> None:
    masters = (host(1, MASTER, address="fd00::1"), host(2, MASTER, address="fd00::2"))
    node = host(3, address="fd00::3")
    six = replace(cluster(*masters, node), image=balanced_image())
    found = list(endpoint_changes(six, node, masters))
    (unit,) = (change for change in found if isinstance(change, Unit))
    *entries, own = (change for change in found if isinstance(change, HostsEntry))
    names = {entry.address: entry.names[0] for entry in entries}
    assert names == {
        f"fd00::{number}": f"fd00-0000-0000-0000-0000-0000-0000-000{number}.apiserver.cluster.local"
        for number in (1, 2)
    }
    endpoints = ",".join(f"{name}:6443" for name in names.values())
    assert f"--listen-addr=[::1]:6443 --endpoints={endpoints} " in (unit.content or "")
    assert own.address == "::1"
    assert sorted(own.further) == ["fd00::1", "fd00::2"]
