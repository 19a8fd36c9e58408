"""Plans and dry runs on real hosts: they say exactly what would be done, and change nothing anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealer.image.store import ImageStore
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, ImageType, Launch
from sealer.testing.images import make_image
from sealer.testing.lab import Lab, Node, compare, snapshot
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.operator import CLUSTER, DATA, Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

PENDING = 7

CLUSTERFILE = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {{name: my-cluster}}
spec:
  image: {image}
  ssh: {{pk: {key}}}
  env: {env}
  hosts:
    - ips: [{master}]
      roles: [master]
    - ips: [{nodes}]
      roles: [node]
"""


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(3)


@pytest.fixture
def operator(lab: Lab, tmp_path: Path) -> Iterator[Operator]:
    person = plain_operator(tmp_path).trusting(lab)
    make_plain_image(person)
    yield person
    if person.has_open_operation:
        person.sealer("operations", "abort", "--yes")
    person.forget_cluster()


@pytest.fixture
def cluster(operator: Operator, lab: Lab) -> tuple[str, ...]:
    """Make a cluster of two hosts, and return the words that describe it."""
    words = ("-f", write(operator, lab, "n2"))
    operator.sealer("apply", *words)
    return words


def write(operator: Operator, lab: Lab, *nodes: str, image: str = IMAGE, env: str = "[]") -> str:
    """Write a Clusterfile of n1 and some nodes, and return its path."""
    file = (
        operator.home
        / f"Clusterfile-{'-'.join(nodes)}-{image.replace(':', '-').replace('/', '-')}-{len(env)}"
    )
    addresses = ", ".join(lab.node(name).address for name in nodes)
    master = lab.node("n1").address
    text = CLUSTERFILE.format(image=image, key=lab.key_path, env=env, master=master, nodes=addresses)
    file.write_text(text)
    return str(file)


def plan(operator: Operator, *words: str, code: int = PENDING) -> dict[str, Any]:
    done = operator.sealer("plan", *words, "--detailed-exitcode", "-o", "json", code=code)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def actions(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return host, change and reason of all that a plan would do."""
    return [
        (step["host"], one["change"], one["reason"]) for step in document["steps"] for one in step["changes"]
    ]


@contextmanager
def untouched(operator: Operator, lab: Lab) -> Iterator[None]:
    """See that neither hosts nor the files of the operator change, but for what is cached of images."""
    cache = operator.sealer_home / "cache"

    def below_home() -> list[Path]:
        return [path for path in operator.sealer_home.rglob("*") if not path.is_relative_to(cache)]

    def kept() -> dict[str, tuple[int, bytes]]:
        files = (path for path in below_home() if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    def directories() -> set[str]:
        return {str(path) for path in below_home() if path.is_dir()}

    hosts, files, below = [snapshot(node) for node in lab.nodes], kept(), directories()
    known = (operator.home / ".ssh" / "known_hosts").read_bytes()
    yield
    for node, before in zip(lab.nodes, hosts, strict=True):
        assert compare(before, snapshot(node)) == ()
    assert kept() == files
    assert directories() == below
    assert (operator.home / ".ssh" / "known_hosts").read_bytes() == known


def sh(node: Node, script: str) -> None:
    node.run(["sh", "-eu", "-c", script])


# ---- creating -----------------------------------------------------------------------------------------


def test_a_plan_of_a_new_cluster_says_what_each_host_gets_and_why(operator: Operator, lab: Lab) -> None:
    words = ("-f", write(operator, lab, "n2"))
    first, second = (lab.node(name).address for name in ("n1", "n2"))
    with untouched(operator, lab):
        document = plan(operator, *words)
        found = actions(document)
        shown = operator.sealer("plan", *words).stdout
        assert operator.sealer("apply", *words, "--dry-run").stdout == shown
        assert operator.sealer("plan", *words, "-o", "yaml").stdout.startswith("version: 1\nverb: run\n")
    assert {host for host, _, _ in found} == {first, second}
    assert (second, "file /etc/plain/settings", "/etc/plain/settings is missing") in found
    assert (first, "make a token", "it was not done yet") in found
    assert (second, "unit plain.service", "/etc/systemd/system/plain.service is missing") in found
    assert all(reason for _, _, reason in found)
    assert document["summary"]["changes"] == len(found)
    assert shown.splitlines()[-1].startswith(f"run my-cluster: {len(found)} changes in ")
    assert shown.splitlines()[-1].endswith(" on 2 of 2 hosts")


def test_a_dry_run_fetches_no_image_and_records_no_host_key(operator: Operator, lab: Lab) -> None:
    words = ("-f", write(operator, lab, "n2"))
    missing = ("-f", write(operator, lab, "n2", image="registry.example.org/none:v1"))
    with untouched(operator, lab):
        done = operator.sealer("apply", *missing, "--dry-run", code=1)
        assert "hint: a dry run fetches nothing: sealer pull registry.example.org/none:v1" in done.stderr
        assert "--accept-new" in operator.sealer("apply", *words, "--dry-run", "--accept-new", code=2).stderr


# ---- what somebody changed by hand --------------------------------------------------------------------

UNIT = "/etc/systemd/system/plain.service"
BY_HAND = {
    "a file's content": (
        "echo more >> /etc/plain/settings",
        ("file /etc/plain/settings", "the content of /etc/plain/settings differs"),
    ),
    "a file's mode": (
        "chmod 600 /etc/plain/settings",
        ("file /etc/plain/settings", "mode or owner is 600:root:root"),
    ),
    "a file that is gone": (
        "rm /etc/plain/token",
        ("file /etc/plain/token", "/etc/plain/token is missing"),
    ),
    "a program": (
        "rm /usr/local/bin/plain; cp /usr/bin/true /usr/local/bin/plain",
        ("copy of /usr/bin/sleep at /usr/local/bin/plain", "its content differs"),
    ),
    "a unit's content": (
        f"echo '# more' >> {UNIT}",
        ("unit plain.service", f"the content of {UNIT} differs"),
    ),
    "a unit that is not enabled": (
        "systemctl disable -q plain",
        ("unit plain.service", "it is not enabled"),
    ),
    "a unit that does not run": (
        "systemctl stop plain",
        ("unit plain.service", "it does not run"),
    ),
    "a line of /etc/hosts": (
        "sed '/plain.example/d' /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts; rm /tmp/hosts",
        ("plain.example as {first} in /etc/hosts", "the line is missing"),
    ),
    "a setting of the kernel": (
        "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
        ("sysctl net.ipv4.conf.all.rp_filter = 2", "it has another value"),
    ),
}


def test_after_an_installation_nothing_is_left_to_do_but_what_somebody_changes(
    operator: Operator, lab: Lab, cluster: tuple[str, ...]
) -> None:
    second = lab.node("n2")
    for what, (script, (subject, reason)) in BY_HAND.items():
        assert operator.sealer("plan", *cluster, "--detailed-exitcode").stdout == "nothing to do\n", what
        sh(second, script)
        change = subject.format(first=lab.node("n1").address)
        assert actions(plan(operator, *cluster)) == [(second.address, change, reason)], what
        done = operator.sealer("apply", *cluster)
        assert "done: 1 steps changed something" in done.stderr, what
    assert operator.sealer("plan", *cluster, "--detailed-exitcode").stdout == "nothing to do\n"


# ---- plans that are kept ------------------------------------------------------------------------------


def test_a_plan_that_is_kept_is_carried_out_as_it_was_seen(
    operator: Operator, lab: Lab, cluster: tuple[str, ...]
) -> None:
    second = lab.node("n2")
    sh(second, "echo more >> /etc/plain/settings")
    file = str(operator.home / "plan.json")
    operator.sealer("plan", *cluster, "--out", file)

    with untouched(operator, lab):
        shown = operator.sealer("apply", file, "--dry-run").stdout
    assert "file /etc/plain/settings: the content of /etc/plain/settings differs" in shown

    sh(second, "systemctl disable -q plain")
    with untouched(operator, lab):
        refused = operator.sealer("apply", file, "--dry-run", code=1).stderr
    before = snapshot(second)
    assert operator.sealer("apply", file, code=1).stderr == refused
    assert compare(before, snapshot(second)) == ()
    assert len(operator.operations()) == 1
    assert f"the hosts have changed since the plan was made: plain/prepare@{second.address}" in refused
    assert "sealer plan --out FILE" in refused

    sh(second, "systemctl enable -q plain")
    assert "done: 1 steps changed something" in operator.sealer("apply", file).stderr
    assert second.run(["cat", "/etc/plain/settings"]).stdout == f"cluster {CLUSTER}\n"


def test_a_plan_is_refused_when_the_image_is_another(
    operator: Operator, lab: Lab, cluster: tuple[str, ...]
) -> None:
    file = str(operator.home / "plan.json")
    operator.sealer("plan", *cluster, "--out", file)
    make_plain_image(operator, [{"etc/hello": b"another"}])
    assert "is another one than when the plan was made" in operator.sealer("apply", file, code=1).stderr


# ---- growing, shrinking, other settings ---------------------------------------------------------------


def test_hosts_come_and_go_as_the_clusterfile_says(
    operator: Operator, lab: Lab, cluster: tuple[str, ...]
) -> None:
    third = lab.node("n3")
    before = snapshot(third)
    more = ("-f", write(operator, lab, "n2", "n3"))
    assert {host for host, _, _ in actions(plan(operator, *more))} == {third.address}
    operator.sealer("apply", *more)
    assert third.run(["cat", "/etc/plain/master"]).stdout == "n1\n"

    with untouched(operator, lab):
        document = plan(operator, *cluster)
        assert "not confirmed" in operator.sealer("apply", *cluster, code=1).stderr
    found = actions(document)
    first = lab.node("n1").address
    assert found[0] == (first, f"forget {third.address}", "it was not done yet")
    assert {host for host, _, _ in found[1:]} == {third.address}
    assert all(reason.startswith("operation ") for _, _, reason in found[1:])
    operator.sealer("apply", *cluster, "--yes")
    assert compare(before, snapshot(third)) == ()
    assert operator.sealer("plan", *cluster, "--detailed-exitcode").stdout == "nothing to do\n"


def test_another_image_and_another_environment(operator: Operator, lab: Lab) -> None:
    def image(name: str, text: bytes) -> None:
        files = {"etc/hello": text, "bin/kubectl": b"#!/bin/sh\nexit 0\n"}
        labels = {RUNTIME_TYPE_LABEL: "plain", RUNTIME_VERSION_LABEL: "v1"}
        launch = Launch(cmds=("echo $COLOR > /var/lib/plain/color",))
        make_image(ImageStore(operator.sealer_home), name, layers=[files], labels=labels, launch=launch)

    image("plain:v2", b"two")
    image("plain:v3", b"three")
    master = lab.node("n1")

    def words(name: str, color: str) -> tuple[str, str]:
        return "-f", write(operator, lab, "n2", image=name, env=f"[COLOR={color}]")

    operator.sealer("apply", *words("plain:v2", "red"))
    assert plan(operator, *words("plain:v2", "red"), code=0)["summary"]["changes"] == 0
    other = actions(plan(operator, *words("plain:v2", "green")))
    launched = "launch command 1: echo $COLOR > /var/lib/plain/color"
    assert other == [(master.address, launched, "what it does has changed since it was done")]
    operator.sealer("apply", *words("plain:v2", "green"))
    assert master.run(["cat", "/var/lib/plain/color"]).stdout == "green\n"

    found = actions(plan(operator, *words("plain:v3", "green")))
    assert {host for host, _, reason in found if reason == "its layers differ"} == {
        lab.node("n1").address,
        lab.node("n2").address,
    }
    assert any(change == launched for _, change, _ in found)


# ---- taking back --------------------------------------------------------------------------------------


def test_what_would_be_taken_back_is_shown_and_nothing_is_done(
    operator: Operator, lab: Lab, cluster: tuple[str, ...]
) -> None:
    second = lab.node("n2").address
    with untouched(operator, lab):
        found = json.loads(operator.sealer("delete", "--all", "--dry-run", "-o", "json").stdout)
        leaving = json.loads(operator.sealer("delete", "-n", second, "--dry-run", "-o", "json").stdout)
        looked = operator.sealer("operations", "rollback", "--dry-run", "-o", "json")
        back = json.loads(looked.stdout)
        known = operator.sealer("reset", "--hosts", second, "--dry-run", code=2).stderr
        assert "nothing to resume" in operator.sealer("resume", "--dry-run", code=1).stderr
        assert "nothing to abort" in operator.sealer("operations", "abort", "--dry-run", code=1).stderr
    assert "sealer delete --all my-cluster" in known
    assert found["verb"] == "delete"
    assert set(found["summary"]["hosts"]) == {lab.node("n1").address, second}
    (operation,) = (path.name for path in operator.operations())
    reason = f"operation {operation} made it"
    assert (second, "file:/etc/plain/settings", reason) in actions(found)
    assert {host for host, change, _ in actions(leaving) if change.startswith("file:")} == {second}
    assert (second, "unit:plain.service", reason) in actions(back)
    assert lasting(looked.stderr) == {
        lab.node("n1").address: "make a chain; make a link",
        second: "join; make a chain; make a link",
    }
    assert lasting(operator.sealer("operations", "rollback", "--yes").stderr) == lasting(looked.stderr)


def lasting(said: str) -> dict[str, str]:
    """Return what a rollback says, of each host, that nothing undoes."""
    return dict(re.findall(r"WARN +(\S+) - no undo is known of: (.*) - what", said))


TASK = """
---
apiVersion: sealer.io/v1
kind: Plugin
metadata: {name: tell}
spec: {type: PLAINLY, action: rollback, data: echo told >> /var/lib/plain/commands}
"""


def test_a_rollback_shows_and_does_what_the_clusterfile_has_done_behind_it(
    operator: Operator, lab: Lab
) -> None:
    first, second = (lab.node(name).address for name in ("n1", "n2"))
    file = Path(write(operator, lab, "n2"))
    file.write_text(file.read_text() + TASK)
    operator.sealer("apply", "-f", str(file))
    operator.sealer("host-alias", "add", "--ip", "192.0.2.7", "--hostnames", "db.example")
    with untouched(operator, lab):
        found = json.loads(operator.sealer("operations", "rollback", "--dry-run", "-o", "json").stdout)
    assert found["summary"]["hosts"] == {first: 2, second: 1}
    assert actions(found)[-1] == (
        first,
        "tell at rollback (rollback)",
        "it is done once everything is taken back",
    )
    said = operator.sealer("operations", "rollback", "--yes").stderr
    assert said.endswith("done: taken back on 2 hosts, nothing to do on 0; tasks done behind it: 1\n")
    assert lab.node("n1").run(["tail", "-n", "1", "/var/lib/plain/commands"]).stdout == "told\n"


def test_what_is_left_of_an_operation_is_shown_and_nothing_is_done(operator: Operator, lab: Lab) -> None:
    words = ("-f", write(operator, lab, "n2"))
    gate = "/run/plain-gate"
    gated = ("-f", write(operator, lab, "n2", env=f"[PLAIN_GATE={gate}]"))
    first = lab.node("n1")
    with operator.start("apply", *gated) as running:
        running.until("step-started", step="plain/create@")
        error = operator.sealer("apply", *words, "--dry-run", code=6).stderr
        assert "is held by sealer run by" in error
        assert "is held by" in operator.sealer("delete", "--all", "--dry-run", code=6).stderr
        running.kill()
    # What runs on a host when its operator dies runs on to its end.
    sh(first, f"touch {gate}; while [ -e {DATA}/lock ]; do sleep 0.1; done")
    with untouched(operator, lab):
        assert "is not finished" in operator.sealer("apply", *words, "--dry-run", code=6).stderr
        rest = operator.sealer("resume", "--dry-run").stdout
        given_up = operator.sealer("operations", "abort", "--dry-run").stdout
    assert f"plain/join@{lab.node('n2').address}" in rest
    assert f"plain/prepare@{first.address}" not in rest
    assert "would be given up" in given_up
    first.run(["rm", gate])


def test_an_application_is_planned_on_the_cluster_that_is_there(
    operator: Operator, lab: Lab, cluster: tuple[str, ...]
) -> None:
    make_image(
        ImageStore(operator.sealer_home),
        "app:v1",
        layers=[{"etc/app": b"app"}],
        type=ImageType.APPLICATION,
        launch=Launch(cmds=("touch /var/lib/plain/launched",)),
    )
    first = lab.node("n1")
    with untouched(operator, lab):
        shown = operator.sealer("run", "app:v1", "--dry-run").stdout
        assert operator.sealer("plan", "app:v1", "--detailed-exitcode", code=PENDING).stdout == shown
    assert "launch command 1: touch /var/lib/plain/launched: it was not done yet" in shown
    assert first.address in shown
