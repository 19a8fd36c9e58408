"""What ``check --fix`` mends, and that it is taken back; a stranger's check with its mend."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, compare, snapshot
from tests.lab.checks.faults import UNFIT
from tests.lab.checks.judging import check
from tests.lab.operator import CLUSTER, Operator

pytestmark = pytest.mark.lab


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
