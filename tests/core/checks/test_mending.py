"""Mends: what can be mended, as which changes, in which plan."""

from __future__ import annotations

from dataclasses import replace

from sealer.changes import File, Module, Sysctl
from sealer.cluster.checks import core_checks
from sealer.cluster.mending import Mend, mending_plan, mends_for
from sealer.cluster.request import ImageChoice, Request
from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.clusterfile.flags import cluster_from_flags
from sealer.model import Cluster, Severity
from tests.core.checks.examples import GOOD, findings, site

LOW = {"core/sysctls": GOOD["core/sysctls"].replace("instances 128", "instances 64")}


def mends(view: Cluster) -> tuple[Mend, ...]:
    addresses = [host.address for host in view.hosts]
    spec = cluster_from_flags(addresses[0], ",".join(addresses[1:]), base=ClusterSpec())
    facts = {host.address: host.facts for host in view.hosts}
    clusterfile = Clusterfile(cluster=spec)
    request = Request(clusterfile=clusterfile, image=ImageChoice(reference="", digests={}), facts=facts)
    return mends_for(core_checks(), request, findings(view))


def test_only_what_is_low_is_raised_and_stays_so_at_boot() -> None:
    (mend,) = mends(site(answers=LOW))
    sysctl, file = mend.changes
    assert sysctl == Sysctl(name="fs.inotify.max_user_instances", value="8192")
    assert isinstance(file, File)
    assert file.content == "# Written by Sealer.\nfs.inotify.max_user_instances = 8192\n"


def test_a_module_is_loaded_now_and_at_boot() -> None:
    (mend,) = mends(site(answers={"core/conntrack": "available"}))
    assert [type(change) for change in mend.changes] == [Module, File]


def test_a_module_that_the_kernel_does_not_have_is_for_people() -> None:
    assert mends(site(answers={"core/conntrack": "absent"})) == ()


def test_what_was_not_checked_is_not_mended() -> None:
    assert mends(site(answers={"core/sysctls": ""})) == ()


def test_every_host_has_one_step_with_each_change_once() -> None:
    both = GOOD["core/sysctls"].replace("instances 128", "instances 64")
    both = both.replace("all.rp_filter 0", "all.rp_filter 1")
    found = mends(site(answers={"core/sysctls": both, "core/conntrack": "available"}))
    again = [replace(mend, finding=replace(mend.finding, severity=Severity.WARNING)) for mend in found]
    (step,) = mending_plan([*found, *again]).steps
    assert (step.id, step.host) == ("fix@10.0.0.2", "10.0.0.2")
    keys = [change.key for change in step.changes]
    assert len(keys) == len(set(keys)) == 6
