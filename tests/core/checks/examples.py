"""A machine that passes all checks, and clusters of it with one fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sealer.cluster.checks import Given, Room, core_checks, judge
from sealer.model import Check, Cluster, Finding, Host, Severity, Traffic
from tests.core.cluster.examples import AMD64, cluster, host

GOOD = {
    "core/boot-id": "b{n}",
    "core/addresses": "lo 127.0.0.1/8\nlo ::1/128\neth0 10.0.0.{n}/24\neth0 fe80::{n}/64",
    "core/default-routes": "4 default via 10.0.0.254 dev eth0\nend",
    "core/frames": "eth0 1500\nlo 65536",
    "core/sshd": "maxsessions 10\nmaxstartups 10:30:100",
    "core/time-service": "service chronyd\nsynchronised yes",
    "core/time-zone": "+0000",
    "core/missing-programs": "end",
    "core/missing-kernel-programs": "end",
    "core/kernel-trees": "proc readable\nsysctl writable\nsys readable\nend",
    "core/open-files": "524288",
    "core/cpu-flags": "fpu cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3",
    "core/controllers": "cpuset cpu io memory hugetlb pids rdma misc",
    "core/netfilter": "nf_tables",
    "core/conntrack": "loaded",
    "core/sysctls": (
        "fs.inotify.max_user_instances 128\nfs.inotify.max_user_watches 65536\n"
        "net.ipv4.conf.all.rp_filter 0\nnet.ipv4.conf.default.rp_filter 2\n"
        "net.ipv4.conf.all.arp_filter 0\nnet.ipv4.conf.default.arp_filter 0\n"
        "net.ipv4.conf.all.arp_ignore 0\nnet.ipv4.conf.default.arp_ignore 0\nend"
    ),
    "core/namespaces": "end",
    "core/firewalls": "end",
    "core/forwarding": "end",
    "core/forwarding-files": "0 /usr/lib/sysctl.d/10-safe.conf\nend",
    "core/security-modules": "selinux off\napparmor Y\nparser /usr/sbin/apparmor_parser",
    "core/inodes": "6553600 6000000",
    "core/free-state": "90000000 apart",
    "core/data-root": "options rw,relatime\nwritable /var/lib",
    "core/mounts": "/tmp writable,rw\n/var writable,rw\n/etc writable,rw\n/usr/local writable,rw",
    "core/resolver": "nameserver 10.0.0.254\nend",
    "core/wildcard": "none",
    "core/clusters": "/var/lib/sealer/*/journal",
    "core/listening": "5000 .",
    "core/reached": "10.0.0.1 5000 open\nend",
    "core/echoes": "10.0.0.1 1500 whole\n10.0.0.2 1500 whole\n10.0.0.3 1500 whole\nend",
}

EVERYONE = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


def machine(number: int, *, answers: Mapping[str, str] | None = None, **facts: object) -> Host:
    """Return the host 10.0.0.<number>, the first one a master; what is not given is good."""
    good = {name: text.format(n=number) for name, text in GOOD.items()}
    defaults: dict[str, object] = {"kernel": "6.1.0-18-amd64", "answers": {**good, **(answers or {})}}
    return host(number, master=number == 1, **{**defaults, **facts})


def site(**fault: object) -> Cluster:
    """Return three machines, the second of which has a fault."""
    return cluster(machine(1), machine(2, **fault), machine(3))  # type: ignore[arg-type]  # as the test says


def given(view: Cluster, *, size: int = 1 << 30, **more: object) -> Given:
    """Return what an image of that size gives, whose registry runs on the first host."""
    names = [item.name for item in view.hosts]
    base = Given(
        platforms=dict.fromkeys(names, AMD64),
        rooms=dict.fromkeys(names, Room(data=4 * size, containers=size)),
        traffic=(Traffic(purpose="registry", port=5000, sources=EVERYONE, targets=("10.0.0.1",)),),
    )
    return replace(base, **more)  # type: ignore[arg-type]  # the fields are what the test says


def findings(view: Cluster, **more: object) -> tuple[Finding, ...]:
    """Return what core's checks find."""
    return judge(view, core_checks(given(view, **more)))  # type: ignore[arg-type]


def said(view: Cluster, **more: object) -> set[tuple[str, str, str]]:
    """Return check, host and severity of what core's checks find."""
    return {(item.check, item.host, str(item.severity)) for item in findings(view, **more)}


def only(view: Cluster, **more: object) -> Finding:
    """Return the only finding."""
    (found,) = findings(view, **more)
    return found


def check_of(identity: str) -> Check:
    """Return a check of core by its id."""
    (check,) = [check for check in core_checks() if check.id == identity]
    return check


__all__ = ["Severity", "check_of", "findings", "given", "machine", "only", "said", "site"]
