"""Journals that lost something: the operator's, and those on hosts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sealer.testing.lab import Node
from tests.lab import kills
from tests.lab.faults.ground import DELETE, NORMALISED, Ground
from tests.lab.faults.table import FAULTS
from tests.lab.operator import CLUSTER, DATA, Running

pytestmark = pytest.mark.lab

JOURNAL = f"{DATA}/journal"


def killed_at(step: str) -> Callable[[Running], None]:
    def kill(running: Running) -> None:
        running.until("step-started", step=step)
        running.kill()

    return kill


@pytest.mark.parametrize(
    ("fault", "damage"),
    [
        ("journal/torn", lambda whole: whole[: len(whole) * 2 // 3 - 7]),
        ("journal/empty", lambda whole: b""),
        ("journal/zeros", lambda whole: whole[:-20] + bytes(4096)),
    ],
)
def test_the_operators_journal_lost_something(
    ground: Ground, fault: str, damage: Callable[[bytes], bytes]
) -> None:
    def lose() -> None:
        file = ground.operator.operations()[-1] / "journal.jsonl"
        whole = file.read_bytes()
        assert whole != damage(whole)
        file.write_bytes(damage(whole))

    ground.survive(FAULTS[fault], killed_at("plain/join@"), mend=lose)


def test_the_operators_record_of_a_request_is_torn(ground: Ground) -> None:
    """It can't be gone on with, and stands in nobody's way."""
    row = FAULTS["record/request"]
    assert row.code is not None
    with ground.operator.start(*ground.run_words) as running:
        killed_at("plain/join@")(running)
        running.finish(code=-9)
    tear(ground.operator.operations()[-1] / "request.json")
    said = ground.operator.sealer("resume", code=row.code).stderr
    assert row.says in said, said
    assert "sealer operations abort" in said, said
    ground.operator.sealer("operations", "abort", "--yes")
    kept = kills.marks(ground.lab)
    ground.operator.sealer(*ground.run_words)
    ground.require_whole(kept, forgetful=True)
    ground.delete()


def test_the_operators_record_of_the_cluster_is_torn(ground: Ground) -> None:
    def lose() -> None:
        tear(ground.state)

    ground.survive_deletion(FAULTS["record/state"], lose)


def test_the_operators_records_are_gone(ground: Ground) -> None:
    row = FAULTS["record/all"]
    assert row.code is not None
    ground.operator.sealer(*ground.run_words)
    shutil.rmtree(ground.state.parent)
    addresses = ",".join(node.address for node in ground.lab.nodes)
    key = ("--pk", str(ground.lab.key_path), "--cluster-name", CLUSTER)
    ground.operator.sealer("reset", "--hosts", addresses, *key, "--yes", code=row.code)
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)


def tear(file: Path) -> None:
    """Take the end of a file away."""
    file.write_bytes(file.read_bytes()[:-100])


def entry(node: Node, key: str) -> str:
    """Return the directory of a change in a node's journal."""
    return node.run(["sh", "-c", f"grep -lFx {key} {JOURNAL}/*/key"]).stdout.strip().removesuffix("/key")


def test_a_hosts_journal_lost_what_says_that_changes_are_done(ground: Ground) -> None:
    def lose() -> None:
        kills.wait_for_hosts(ground.lab)
        for node in ground.lab.nodes:
            node.run(["sh", "-c", f"for done in {JOURNAL}/*/done; do : > $done; done"])

    # A host joins after both have been prepared: each has a journal by then, whichever was faster.
    ground.survive(FAULTS["journal/host-done"], killed_at("plain/join@"), mend=lose, forgetful=True)


def test_a_hosts_journal_has_an_entry_that_was_only_begun(ground: Ground) -> None:
    keys = ("directory:/var/lib/plain", "file:/usr/local/bin/plain")
    names = [hashlib.sha256(key.encode()).hexdigest()[:16] for key in keys]

    def begin() -> None:
        kills.wait_for_hosts(ground.lab)
        one, other = f"{JOURNAL}/new/000099-{names[0]}", f"{JOURNAL}/new-{names[1]}"
        script = f"mkdir -p {one} {other}; : > {one}/key; echo 'rm -rf' > {other}/undo"
        ground.lab.node("n2").run(["sh", "-c", script])

    ground.survive(FAULTS["journal/host-begun"], killed_at("rootfs@"), mend=begin)


def test_a_hosts_journal_lost_the_end_of_an_undo(ground: Ground) -> None:
    """It is told, what else there is is taken back, and when the record is mended the rest is as well."""
    node = ground.lab.node("n2")
    ground.operator.sealer(*ground.run_words)
    record = f"{entry(node, 'hosts:plain.example')}/undo"
    sound = node.run(["cat", record]).stdout
    node.run(["truncate", "-s", "-12", record])
    said = refused(ground, "journal/host-undo")
    assert "hosts:plain.example" in said
    assert "plain.example" in node.run(["cat", "/etc/hosts"]).stdout
    kills.require_equal(ground.before[:1], ground.lab.nodes[:1], NORMALISED)
    node.run(["tee", record], input=sound)
    ground.operator.sealer("resume")
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)


def test_a_hosts_journal_lost_the_end_of_a_file_that_was_replaced(ground: Ground, tmp_path: Path) -> None:
    """What was there before is not made up from half of it."""
    node = ground.lab.node("n2")
    node.run(["sh", "-c", "mkdir /etc/plain; echo 'made by somebody else' > /etc/plain/settings"])
    try:
        ground.operator.sealer(*ground.run_words)
        saved = f"{entry(node, 'file:/etc/plain/settings')}/saved"
        node.run(["truncate", "-s", "7", saved])
        said = refused(ground, "journal/host-saved")
        assert "file:/etc/plain/settings" in said
        assert node.run(["cat", "/etc/plain/settings"]).stdout == "cluster my-cluster\n"
        node.run(["sh", "-c", f"echo 'made by somebody else' > {saved}"])
        ground.operator.sealer("resume")
        assert node.run(["cat", "/etc/plain/settings"]).stdout == "made by somebody else\n"
    finally:
        node.run(["rm", "-rf", "/etc/plain"])
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)


def refused(ground: Ground, fault: str) -> str:
    row = FAULTS[fault]
    assert row.code is not None
    said = ground.operator.sealer(*DELETE, code=row.code).stderr
    assert row.says in said, said
    return said
