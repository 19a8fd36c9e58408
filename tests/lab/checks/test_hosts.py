"""Hosts that can't be used, are given twice, are too small, or have no systemd."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sealer.cluster.examination import SPARE
from sealer.image.store import ImageStore
from sealer.model import RUNTIME_TYPE_LABEL
from sealer.testing.lab import Lab, compare, snapshot
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.checks.faults import UNFIT
from tests.lab.operator import Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab


def test_a_host_that_can_not_be_used_is_told_of_beside_the_others(person: Operator, lab: Lab) -> None:
    second, third = lab.node("n2"), lab.node("n3")
    third.run(["useradd", "--create-home", "dora"])
    second.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    try:
        third.run(["cp", "-r", "/root/.ssh", "/home/dora/"])
        third.run(["chown", "-R", "dora", "/home/dora"])
        clusterfile = person.home / "Clusterfile"
        clusterfile.write_text(
            "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: my-cluster}\nspec:\n"
            f"  ssh: {{user: root, pk: {lab.key_path}}}\n  hosts:\n"
            f"  - {{ips: [{lab.node('n1').address}], roles: [master], ssh: {{port: 2222}}}}\n"
            f"  - {{ips: [{second.address}], roles: [node]}}\n"
            f"  - {{ips: [{third.address}], roles: [node], ssh: {{user: dora}}}}\n"
        )
        done = person.sealer("check", "-f", str(clusterfile), "-o", "json", code=UNFIT)
    finally:
        third.run(["userdel", "--remove", "dora"], check=False)
        second.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    found = {(item["check"], item["host"]) for item in json.loads(done.stdout)["findings"]}
    assert {
        ("ssh-reachable", lab.node("n1").address),
        ("reverse-path-filter", second.address),
        ("sudo-policy", third.address),
    } <= found


def test_one_machine_given_twice_is_found(person: Operator, lab: Lab) -> None:
    first = lab.node("n1")
    other = first.address.rpartition(".")[0] + ".77"
    first.run(["ip", "address", "add", f"{other}/24", "dev", "eth0"])
    try:
        flags = ("-m", first.address, "-n", other, "--pk", str(lab.key_path), "--accept-new")
        done = person.sealer("check", *flags, "-o", "json", code=UNFIT)
    finally:
        first.run(["ip", "address", "del", f"{other}/24", "dev", "eth0"])
    errors = [item for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"]
    assert {(item["check"], item["host"]) for item in errors} == {
        ("address-unique", first.address),
        ("address-unique", other),
    }


def test_disks_are_measured_against_what_the_layers_become(lab: Lab, tmp_path: Path) -> None:
    person = plain_operator(tmp_path).trusting(lab)
    context = tmp_path / "context"
    (context / "etc").mkdir(parents=True)
    (context / "etc/random").write_bytes(random.randbytes(1 << 20))
    (context / "etc/zeros").write_bytes(bytes(100 << 20))
    (context / "Kubefile").write_text(f"FROM scratch\nLABEL {RUNTIME_TYPE_LABEL}=plain\nCOPY etc etc/\n")
    person.sealer("build", "-t", "empty-looking:v1", str(context))
    layers = ImageStore(person.sealer_home).resolve("empty-looking:v1").layers
    assert sum(layer.size for layer in layers) < 2 << 20
    wanted = SPARE + sum(layer.size for layer in layers) + (101 << 20)
    node = lab.node("n1")
    flags = person.host_flags()
    for size, code in ((wanted - (1 << 20), UNFIT), (wanted + (1 << 20), 0)):
        node.run(["sh", "-c", f"mkdir -p /var/lib/sealer; mount -t tmpfs -o size={size} x /var/lib/sealer"])
        try:
            done = person.sealer("check", "empty-looking:v1", *flags, "-o", "json", code=code)
        finally:
            node.run(["sh", "-c", "umount /var/lib/sealer; rmdir /var/lib/sealer"])
        errors = [item for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"]
        assert [item["check"] for item in errors] == (["disk-space"] if code else [])


def test_hosts_without_systemd_are_refused_in_plain_words(module_lab_nodes: LabNodes, tmp_path: Path) -> None:
    lab = module_lab_nodes(1, "sshd")
    node = lab.node("n1")
    person = plain_operator(tmp_path).trusting(lab)
    make_plain_image(person)
    before = snapshot(node)
    for name, prepare in (("sysvinit", ":"), ("openrc", "mkdir /run/openrc")):
        node.run(["sh", "-c", prepare])
        done = person.sealer("check", IMAGE, *person.host_flags(), "-o", "json", code=UNFIT)
        errors = [item for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"]
        (refusal,) = (item for item in errors if item["check"] == "init-system")
        assert refusal["found"] == f"its init system is {name}"
        assert refusal["wanted"] == "systemd"
        assert "install a system with systemd" in refusal["mend"]
        refused = person.sealer("run", IMAGE, *person.host_flags(), code=UNFIT)
        assert f"its init system is {name}" in refused.stderr
        strict = person.sealer("run", IMAGE, *person.host_flags(), "--ignore", "init-system", code=2)
        assert "services of a cluster are units of systemd" in strict.stderr
    node.run(["rmdir", "/run/openrc"])
    assert compare(before, snapshot(node)) == ()
