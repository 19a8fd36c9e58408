"""Every exit code that docs/operations.md lists, from the program as it is run, and what failures tell."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.testing.lab import Lab
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.operator import Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

GATE = "/run/plain-gate"


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(3)


@pytest.fixture
def operator(lab: Lab, tmp_path: Path) -> Iterator[Operator]:
    person = plain_operator(tmp_path).trusting(lab)
    make_plain_image(person)
    yield person
    for node in lab.nodes:
        node.run(["rm", "-f", GATE])
    if person.has_open_operation:
        person.sealer("operations", "abort", "--yes")
    person.forget_cluster()
    for node in lab.nodes:  # what stood in the way is put back, as all that was there before
        node.run(["rm", "-rf", "/usr/local/bin/plain"])


def words(operator: Operator, *further: str) -> tuple[str, ...]:
    return (IMAGE, *operator.host_flags(masters=["n1"], nodes=["n2", "n3"]), *further)


def test_done_and_nothing_to_do_are_0_and_something_to_do_is_7(operator: Operator) -> None:
    operator.sealer("plan", *words(operator), "--detailed-exitcode", code=7)
    operator.sealer("plan", *words(operator), code=0)
    operator.sealer("run", *words(operator), code=0)
    operator.sealer("run", *words(operator), code=0)
    operator.sealer("plan", *words(operator), "--detailed-exitcode", code=0)


def test_an_error_before_anything_was_begun_is_1_and_wrong_words_are_2(operator: Operator) -> None:
    operator.sealer("run", "nobody-has-this:v1", *words(operator)[1:], "--dry-run", code=1)
    operator.sealer("run", *words(operator), "--apps", "nothing-of-that-name", code=2)
    operator.sealer("run", *words(operator), "--no-such-option", code=2)


def test_hosts_that_are_unfit_are_3(operator: Operator, lab: Lab) -> None:
    node = lab.node("n2")
    node.run(["hostname", "n1"])
    try:
        for verb, further in (("run", ()), ("run", ("--dry-run",)), ("plan", ()), ("check", ())):
            said = operator.sealer(verb, *words(operator, *further), code=3)
            assert "host-name-unique" in said.stderr + said.stdout
    finally:
        node.run(["hostname", "n2"])


def test_a_cluster_that_runs_is_asked_and_given_commands(operator: Operator, lab: Lab) -> None:
    operator.sealer("run", *words(operator))
    said = operator.sealer("exec", "--hosts", lab.node("n2").address, "--", "uname", "-n", code=0)
    assert said.stdout.splitlines()[1:] == ["n2"]
    operator.sealer("exec", "-r", "node", "--", "false", code=1)
    operator.sealer("exec", "-r", "nobody", "--", "true", code=2)
    operator.sealer("host-alias", "add", "--ip", "192.0.2.7", "--hostnames", "db.example", code=0)
    assert "192.0.2.7" in operator.sealer("exec", "--", "getent", "hosts", "db.example").stdout
    operator.sealer("host-alias", "add", "--ip", "192.0.2.8", "--hostnames", "db.example", code=2)
    # There is no Kubernetes, which is what the check of a cluster that runs says first.
    assert "cluster-nodes" in operator.sealer("check", "--post", code=3).stdout
    assert "drift: none" in operator.sealer("status", code=0).stdout


def test_content_that_is_damaged_is_4(operator: Operator) -> None:
    (digest,) = make_plain_image(operator, [{"data": bytes(range(256)) * 999}])
    blob = ImageStore(operator.sealer_home).blob_path(digest)
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    assert "is damaged" in operator.sealer("run", *words(operator), code=4).stderr


def test_hosts_that_failed_are_5_grouped_by_what_failed_with_log_and_the_command_that_goes_on(
    operator: Operator, lab: Lab
) -> None:
    second, third = lab.node("n2"), lab.node("n3")
    for node in (second, third):
        node.run(["mkdir", "/usr/local/bin/plain"])
    error = operator.sealer("run", *words(operator), code=5).stderr
    log = operator.operations()[-1] / "log"
    message = "copy of /usr/bin/sleep at /usr/local/bin/plain: failed with status 1"
    steps = f"plain/prepare@{second.address}, plain/prepare@{third.address}"
    alike = rf"^  (?:{steps}|{', '.join(reversed(steps.split(', ')))}): {message}$"
    assert len(re.findall(alike, error, re.MULTILINE)) == 1, error
    assert error.splitlines()[-1] == f"hint: go on with: sealer resume my-cluster   log: {log}"
    assert message in log.read_text()
    assert log.stat().st_mode & 0o077 == 0

    for node in (second, third):
        node.run(["rmdir", "/usr/local/bin/plain"])
    operator.sealer("resume", code=0)


def test_a_cluster_that_is_worked_on_is_6_and_an_interrupted_operation_is_130(
    operator: Operator, lab: Lab
) -> None:
    with operator.start("run", *words(operator, "-e", f"PLAIN_GATE={GATE}")) as running:
        running.until("step-started", step="plain/create@")
        operator.sealer("run", *words(operator), code=6)
        operator.sealer("delete", "--all", "--yes", code=6)
        operator.sealer("run", *words(operator), "--dry-run", code=6)
        operator.sealer("exec", "--", "true", code=6)
        operator.sealer("exec", "--anyway", "--", "true", code=0)
        os.kill(running.process, signal.SIGINT)
        lab.node("n1").run(["touch", GATE])
        said = running.finish(code=130)
    assert "sealer resume my-cluster" in said
    operator.sealer("run", *words(operator), code=6)
    operator.sealer("resume", code=0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_second_signal_ends_it_at_once_though_a_change_still_runs(
    operator: Operator, lab: Lab, number: signal.Signals
) -> None:
    with operator.start("run", *words(operator, "-e", f"PLAIN_GATE={GATE}")) as running:
        running.until("step-started", step="plain/create@")
        os.kill(running.process, number)
        running.until("message", text="press Ctrl-C again to stop at once")
        assert running.runs_for(0.5)
        os.kill(running.process, number)
        said = running.finish(code=130)
    assert "stopped at once" in said
    assert "sealer resume my-cluster" in said
    lab.node("n1").run(["touch", GATE])
    operator.sealer("resume", code=0)
