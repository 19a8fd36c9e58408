"""Names in /etc/hosts: which there are afterwards, and how hosts come from the one to the other."""

from __future__ import annotations

import pytest

from sealer.changes import HostsEntry, NoHostsEntry
from sealer.cluster.host_aliases import alias_plan, names_in, with_alias, without_alias
from sealer.clusterfile import ClusterSpec, HostAlias, HostSpec
from sealer.errors import UsageError
from sealer.model import Step

DB = HostAlias(ip="10.0.0.9", hostnames=("db", "db.example"))
WEB = HostAlias(ip="10.0.0.8", hostnames=("web",))


def test_names_are_added_to_an_address() -> None:
    assert with_alias((), "10.0.0.9", ("db", "db.example")) == (DB,)
    assert with_alias((HostAlias(ip="10.0.0.9", hostnames=("db",)), WEB), "10.0.0.9", ("db.example",)) == (
        DB,
        WEB,
    )
    assert with_alias((DB,), "10.0.0.9", ("db",)) == (DB,)
    assert with_alias((), "FD00:0::1", ("six",)) == (HostAlias(ip="fd00::1", hostnames=("six",)),)


@pytest.mark.parametrize(
    ("ip", "names", "message"),
    [
        ("10.0.0", ("x",), "no IP address"),
        ("10.0.0.1", ("x y",), "no host name"),
        ("10.0.0.1", (), "which names"),
        ("10.0.0.1", ("db",), "db stands for 10.0.0.9 already"),
    ],
)
def test_what_can_be_no_alias(ip: str, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_alias((DB,), ip, names)


def test_names_are_taken_away_alone_or_with_their_address() -> None:
    assert without_alias((DB, WEB), "10.0.0.9", ()) == (WEB,)
    assert without_alias((DB, WEB), None, ("db",)) == (
        HostAlias(ip="10.0.0.9", hostnames=("db.example",)),
        WEB,
    )
    assert without_alias((DB, WEB), None, ("db", "db.example", "web")) == ()
    assert without_alias((DB, WEB), "10.0.0.8", ("web",)) == (DB,)


@pytest.mark.parametrize(
    ("ip", "names", "message"),
    [
        (None, (), "which alias"),
        (None, ("none",), "there is no alias none"),
        ("10.0.0.7", (), "there is no alias 10.0.0.7"),
        ("10.0.0.8", ("db",), "there is no alias db"),
    ],
)
def test_what_is_no_alias_can_not_be_taken_away(ip: str | None, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        without_alias((DB, WEB), ip, names)
    if names or ip:
        assert "10.0.0.9 db db.example" in (caught.value.hint or "")


def spec(*aliases: HostAlias) -> ClusterSpec:
    hosts = (HostSpec(address="10.0.0.1", roles=("master",)), HostSpec(address="10.0.0.2", roles=("node",)))
    return ClusterSpec(hosts=hosts, host_aliases=aliases)


def test_every_host_gets_the_names_and_loses_those_of_before() -> None:
    rest = HostAlias(ip="10.0.0.9", hostnames=("db.example",))
    plan = alias_plan((DB, WEB), spec(rest, WEB))
    assert plan.hosts == ("10.0.0.1", "10.0.0.2")
    for step in plan.steps:
        assert step.changes == (
            NoHostsEntry(name="db"),
            HostsEntry(address="10.0.0.9", names=("db.example",)),
            HostsEntry(address="10.0.0.8", names=("web",)),
        )
    assert all(step.changes == (NoHostsEntry(name="web"),) for step in alias_plan((WEB,), spec()).steps)


def test_the_names_that_steps_need_are_known() -> None:
    entry = HostsEntry(address="10.0.0.1", names=("sea.hub", "hub"))
    steps = [Step(id="a", title="a", host="h", changes=(entry,))]
    assert names_in(steps) == {"sea.hub": "10.0.0.1", "hub": "10.0.0.1"}
