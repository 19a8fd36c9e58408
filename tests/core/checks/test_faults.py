"""Core's host checks, one fault at a time and all at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealer.cluster.checks import core_checks, judge, refuse
from sealer.errors import ChecksFailed
from sealer.model import Platform, Severity
from tests.core.checks.examples import GOOD, findings, given, machine, only, said, site
from tests.core.cluster.examples import cluster


def test_good_hosts_pass() -> None:
    assert findings(site()) == ()


@pytest.mark.parametrize(
    ("facts", "check"),
    [
        ({"clock_offset": 90.0}, "clock-skew"),
        ({"init": "openrc"}, "init-system"),
        ({"platform": Platform(architecture="arm64", variant="v8")}, "architecture"),
        ({"disk_free": 1 << 30}, "disk-space"),
        ({"kernel": "4.14.0"}, "kernel-version"),
        ({"hostname": "localhost"}, "host-name"),
        ({"hostname": "a" * 64}, "host-name"),
        ({"hostname": "under_score"}, "host-name"),
        ({"hostname": ""}, "host-name"),
    ],
)
def test_a_fault_in_facts_is_an_error(facts: dict[str, object], check: str) -> None:
    assert said(site(**facts)) == {(check, "10.0.0.2", "error")}


@pytest.mark.parametrize(
    ("name", "answer", "check"),
    [
        ("missing-programs", "tar\nend", "host-programs"),
        ("missing-kernel-programs", "mount\nend", "kernel-programs"),
        ("kernel-trees", "proc readable\nsys readable\nend", "proc"),
        ("clusters", "/var/lib/sealer/old/journal", "other-cluster"),
        ("addresses", "lo 127.0.0.1/8\neth0 fe80::2/64", "host-address"),
        ("default-routes", "6 default via fe80::1 dev eth0\nend", "default-route"),
        ("controllers", "cpuset cpu pids", "cgroup-controllers"),
        ("netfilter", "none", "netfilter"),
        ("conntrack", "absent", "connection-tracking"),
        ("namespaces", "none", "network-namespaces"),
        ("namespaces", "veth\nvxlan\nend", "network-namespaces"),
        ("inodes", "655360 100", "inodes"),
        ("data-root", "link /var/lib/sealer\noptions rw\nwritable /var/lib", "data-root"),
        ("data-root", "closed /var/lib\noptions rw\nwritable /var/lib", "data-root"),
        ("data-root", "file /var/lib/sealer\noptions rw\nwritable /var/lib", "data-root"),
        ("data-root", "options rw,noexec\nwritable /var/lib", "data-root"),
        ("data-root", "options ro\nread-only /var/lib", "data-root"),
        ("mounts", "/tmp writable,rw\n/var writable,ro\n/etc writable,rw", "read-only"),
        ("mounts", "/tmp writable,rw\n/var writable,rw\n/etc read-only,rw", "read-only"),
        ("resolver", "nameserver 127.0.0.1\nend", "local-resolver"),
        ("resolver", "nameserver 127.0.0.53\nupstream 127.0.0.1\nend", "local-resolver"),
    ],
)
def test_a_fault_in_an_answer_is_an_error(name: str, answer: str, check: str) -> None:
    found = said(site(answers={f"core/{name}": answer}))
    assert (check, "10.0.0.2", "error") in found
    assert {item for item in found if item[2] == "error"} == {(check, "10.0.0.2", "error")}


@pytest.mark.parametrize(
    ("name", "answer", "check"),
    [
        ("missing-kernel-programs", "modprobe\nend", "kernel-programs"),
        ("sshd", "maxsessions 3\nmaxstartups 10:30:100", "ssh-sessions"),
        ("sshd", "maxsessions 10\nmaxstartups 1", "ssh-startups"),
        ("sshd", "maxstartups 2:50:10\nmaxsessions 10", "ssh-startups"),
        ("time-service", "service none\nsynchronised unknown", "time-service"),
        ("time-service", "service chronyd\nsynchronised no", "time-service"),
        ("time-zone", "+0800", "time-zone"),
        ("cpu-flags", "fpu pni ssse3 cx16 sse4_1", "cpu-features"),
        ("open-files", "1024", "open-files"),
        ("conntrack", "available", "connection-tracking"),
        ("firewalls", "firewalld\nend", "firewall"),
        ("firewalls", "ufw\nend", "firewall"),
        ("security-modules", "selinux 1\napparmor N\nparser none", "selinux"),
        ("security-modules", "selinux off\napparmor Y\nparser none", "apparmor"),
        ("free-state", "1000 apart", "container-space"),
        ("free-state", "5000000 shared", "container-space"),
        ("namespaces", "vxlan\nend", "network-namespaces"),
        ("forwarding", "drop ip filter\nend", "forward-policy"),
        (
            "forwarding-files",
            "1 /etc/sysctl.d/90-sealer-kubernetes.conf\n0 /etc/sysctl.d/99-cis.conf\nend",
            "forwarding-at-boot",
        ),
        ("mounts", "/tmp writable,rw,noexec\n/var writable,rw\n/etc writable,rw", "tmp-exec"),
        ("frames", "eth0 9000\nlo 65536", "mtu-equal"),
        ("addresses", "eth0 192.168.7.2/24", "host-address"),
        ("resolver", "end", "name-servers"),
        ("wildcard", "wildcard example.com", "wildcard-dns"),
        (
            "sysctls",
            GOOD["core/sysctls"].replace("instances 128", "instances 64"),
            "inotify",
        ),
        (
            "sysctls",
            GOOD["core/sysctls"].replace("all.rp_filter 0", "all.rp_filter 1"),
            "reverse-path-filter",
        ),
        (
            "sysctls",
            GOOD["core/sysctls"].replace("rp_filter 2", "rp_filter 1"),
            "reverse-path-filter",
        ),
        (
            "sysctls",
            GOOD["core/sysctls"].replace("default.arp_ignore 0", "default.arp_ignore 2"),
            "arp-filter",
        ),
    ],
)
def test_a_lesser_fault_in_an_answer_is_a_warning(name: str, answer: str, check: str) -> None:
    found = {item for item in said(site(answers={f"core/{name}": answer})) if item[2] != "not checked"}
    assert found == {(check, "10.0.0.2", "warning")}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_an_answer_that_did_not_come_is_told_and_never_passes(name: str) -> None:
    # Where a host listened matters only where others were refused.
    found = said(site(answers={name: ""}))
    assert all(severity == "not checked" for _, _, severity in found)
    assert bool(found) == (name != "core/listening")


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"core/listening"}))
@pytest.mark.parametrize("nonsense", ["\n", "x", "x y", "a b c d\n\t\nz", "-1", "9" * 40, "/", "é\x07"])
def test_no_answer_is_too_strange_to_be_judged(name: str, nonsense: str) -> None:
    assert all(item.mend and item.found for item in findings(site(answers={name: nonsense})))


def test_a_loose_filter_on_all_cards_makes_up_for_a_strict_one_on_those_that_come() -> None:
    text = GOOD["core/sysctls"].replace("default.rp_filter 2", "default.rp_filter 1")
    text = text.replace("all.rp_filter 0", "all.rp_filter 2")
    assert said(site(answers={"core/sysctls": text})) == set()


def test_a_host_whose_address_is_not_known_is_an_error() -> None:
    named = replace(machine(2), name="n2", address="n2.example.org")
    found = {item for item in said(cluster(machine(1), named)) if item[2] == "error"}
    assert found == {("host-address", "n2", "error")}


def test_a_later_file_wins_at_boot() -> None:
    text = "0 /etc/sysctl.d/98-a.conf\n1 /etc/sysctl.d/99-b.conf\nend"
    assert said(site(answers={"core/forwarding-files": text})) == set()


def test_files_and_containers_on_one_file_system_take_room_together() -> None:
    free = "4200000"
    assert said(site(answers={"core/free-state": f"{free} apart"})) == set()
    found = only(site(answers={"core/free-state": f"{free} shared"}))
    assert found.check == "container-space"
    assert found.wanted.endswith("beside 4.3 GB for its files")


def test_a_pattern_that_matches_nothing_is_no_cluster() -> None:
    assert said(site(answers={"core/clusters": "/var/lib/sealer/*/journal"})) == set()


def test_the_own_cluster_is_no_other_when_it_is_known() -> None:
    view = site(answers={"core/clusters": "/var/lib/sealer/c1/journal"})
    assert said(view) == {("other-cluster", "10.0.0.2", "error")}
    assert said(view, own="c1") == set()


def test_old_kernels_do_where_control_groups_are_old() -> None:
    controllers = {"core/controllers": "cpuset\ncpu\ncpuacct\nmemory\ndevices\nfreezer\npids"}
    assert said(site(kernel="3.10.0-1160.el7.x86_64", cgroup_version=1, answers=controllers)) == set()
    assert said(site(kernel="3.9.11", cgroup_version=1, answers=controllers)) == {
        ("kernel-version", "10.0.0.2", "error")
    }


def test_processors_of_other_architectures_have_other_features() -> None:
    arm = Platform(architecture="arm64", variant="v8")
    found = said(site(platform=arm, answers={"core/cpu-flags": ""}))
    assert found == {("architecture", "10.0.0.2", "error")}


def test_file_systems_without_a_number_of_inodes_pass() -> None:
    assert said(site(answers={"core/inodes": "0 0"})) == set()


def test_a_resolver_of_systemd_is_looked_behind() -> None:
    assert said(site(answers={"core/resolver": "nameserver 127.0.0.53\nupstream 10.0.0.254\nend"})) == set()


def test_the_ports_to_open_are_named_where_a_firewall_is_active() -> None:
    view = cluster(machine(1, answers={"core/firewalls": "firewalld\nend"}), machine(2))
    assert "5000" in only(view).wanted


def test_shared_names_are_found_on_all_that_share_them() -> None:
    assert said(cluster(machine(1), machine(2, hostname="n1"), machine(3))) == {
        ("host-name-unique", "10.0.0.1", "error"),
        ("host-name-unique", "10.0.0.2", "error"),
    }


def test_clones_share_a_machine_id() -> None:
    assert said(cluster(machine(1), machine(2, machine_id="m1"), machine(3))) == {
        ("machine-id-unique", "10.0.0.1", "warning"),
        ("machine-id-unique", "10.0.0.2", "warning"),
    }


def test_one_machine_given_by_two_addresses_is_found_and_nothing_else_is_said_about_it() -> None:
    addresses = {"core/addresses": "eth0 10.0.0.1/24\neth1 10.0.0.2/24", "core/boot-id": "b1"}
    twice = machine(2, hostname="n1", machine_id="m1", answers=addresses)
    view = cluster(machine(1, answers=addresses), twice, machine(3))
    found = {item for item in said(view) if item[2] == "error"}
    assert found == {("address-unique", "10.0.0.1", "error"), ("address-unique", "10.0.0.2", "error")}


def test_containers_on_one_kernel_are_machines_of_their_own() -> None:
    same = {"core/boot-id": "b"}
    assert said(cluster(*(machine(number, answers=same) for number in (1, 2, 3)))) == set()


def test_an_address_that_another_machine_has_too_is_found() -> None:
    stolen = {"core/addresses": "eth0 10.0.0.3/24\neth0 10.0.0.2/24"}
    view = cluster(machine(1), machine(2, answers=stolen), machine(3))
    finding = only(view)
    assert (finding.check, finding.host) == ("address-unique", "10.0.0.3")
    assert "10.0.0.2" in finding.found


def test_all_faults_of_all_hosts_are_reported_together_and_warnings_do_not_stop() -> None:
    all_found = findings(
        cluster(
            machine(1, init="openrc"),
            machine(2, clock_offset=-300.0, answers={"core/time-zone": "+0100"}),
            machine(3),
        )
    )
    with pytest.raises(ChecksFailed) as caught:
        refuse(all_found)
    text = str(caught.value)
    assert "10.0.0.1" in text
    assert "10.0.0.2" in text
    assert "300 s behind" in text
    refuse([finding for finding in all_found if finding.severity is not Severity.ERROR])


def test_hosts_with_the_same_fault_share_a_line() -> None:
    view = cluster(*(machine(number, init="openrc") for number in (1, 2, 3)))
    with pytest.raises(ChecksFailed) as caught:
        refuse(judge(view, core_checks(given(view))))
    assert caught.value.message.splitlines()[1].startswith("  10.0.0.1, 10.0.0.2, 10.0.0.3: ")
