"""What can go wrong without Kubernetes being to blame: one clear message each, and nothing is lost.

Each message says where and what to do next, the exit code is the documented one, and where nothing was begun
the hosts are as they were.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.testing.lab import Lab, Node, compare, snapshot
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.operator import DATA, Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

MIB = 1 << 20


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(2)


@pytest.fixture
def operator(lab: Lab, tmp_path: Path) -> Iterator[Operator]:
    """Return someone with a small image, and leave no cluster of theirs behind."""
    person = plain_operator(tmp_path).trusting(lab)
    make_plain_image(person)
    yield person
    person.forget_cluster()


@pytest.fixture
def untouched(lab: Lab) -> Iterator[None]:
    """See that a test leaves the hosts as they were."""
    before = [snapshot(node) for node in lab.nodes]
    yield
    for node, old in zip(lab.nodes, before, strict=True):
        assert compare(old, snapshot(node)) == ()


def addresses(lab: Lab) -> tuple[str, str]:
    first, second = (node.address for node in lab.nodes[:2])
    return first, second


def run_words(operator: Operator, *further: str) -> tuple[str, ...]:
    return ("run", IMAGE, *operator.host_flags(masters=["n1"], nodes=["n2"]), *further)


def lines(text: str) -> list[str]:
    """Return the lines of a message, without warnings about machines of a lab."""
    return [line for line in text.splitlines() if "warning:" not in line]


def service_runs(node: Node) -> bool:
    return node.run(["systemctl", "is-active", "plain.service"], check=False).stdout.strip() == "active"


# ---- logging in -------------------------------------------------------------------------------------


def test_a_wrong_password(lab: Lab, operator: Operator, untouched: None) -> None:
    first, second = addresses(lab)
    person = replace(operator, variables={"PASSWORD": "wrong"})
    done = person.sealer("run", IMAGE, "-m", first, "-n", second, "--passwd-from", "env:PASSWORD", code=1)
    assert lines(done.stderr) == [
        "error: 2 of 2 hosts can't be used",
        f"  {first}, {second}: login as root was refused; tried the password",
        "    hint: the host accepts: publickey, password; check user, key and password",
    ]
    assert "wrong" not in done.stderr
    assert not person.operations()


def test_the_right_password(lab: Lab, operator: Operator) -> None:
    first, second = addresses(lab)
    person = replace(operator, variables={"PASSWORD": lab.password})
    person.sealer("run", IMAGE, "-m", first, "-n", second, "--passwd-from", "env:PASSWORD")
    assert all(service_runs(node) for node in lab.nodes)
    person.sealer("delete", "--all", "--yes")


def test_an_unknown_host_key(lab: Lab, operator: Operator, untouched: None) -> None:
    known = operator.home / ".ssh" / "known_hosts"
    known.write_text("")
    done = operator.sealer("run", IMAGE, *operator.host_flags(masters=["n1"]), code=1)
    fingerprint = fingerprint_of(lab.node("n1"))
    error, hint = lines(done.stderr)
    first = addresses(lab)[0]
    assert error == f"error: {first}: the host key is not known: ssh-ed25519 {fingerprint}"
    assert "--accept-new" in hint
    assert known.read_text() == ""


def test_a_changed_host_key_is_refused_also_when_new_ones_are_accepted(
    lab: Lab, operator: Operator, untouched: None
) -> None:
    known = operator.home / ".ssh" / "known_hosts"
    first = addresses(lab)[0]
    key = known.read_text().splitlines()[1].split(maxsplit=1)[1]
    known.write_text(f"{first} {key}\n")
    words = ("run", IMAGE, *operator.host_flags(masters=["n1"]))
    for further in ((), ("--accept-new",)):
        done = operator.sealer(*words, *further, code=1)
        error, hint = lines(done.stderr)
        assert error.startswith(f"error: {first}: the host key has changed: ")
        assert fingerprint_of(lab.node("n1")) in error
        assert f"{known}:1" in error
        assert "ssh-keygen -R" in hint


def test_new_host_keys_are_recorded_on_first_contact_when_asked_to(lab: Lab, operator: Operator) -> None:
    (operator.home / ".ssh" / "known_hosts").unlink()
    operator.sealer(*run_words(operator, "--accept-new"))
    operator.sealer("plan", *run_words(operator)[1:])
    recorded = (operator.sealer_home / "known_hosts").read_text()
    for address in addresses(lab):
        assert address in recorded


def test_a_node_that_is_off(lab: Lab, operator: Operator) -> None:
    first, second = lab.nodes
    before = snapshot(first)
    second.power_off()
    try:
        lab.run_operator(["ip", "neigh", "flush", "all"])
        done = operator.sealer(*run_words(operator), code=1)
    finally:
        second.power_on()
    error, hint = lines(done.stderr)
    assert error.startswith(f"error: {second.address}: ")
    assert "no route" in error or "did not answer" in error
    assert "check that the host is up" in hint
    assert compare(before, snapshot(first)) == ()


def fingerprint_of(node: Node) -> str:
    return node.run(["ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.split()[1]


# ---- operations ------------------------------------------------------------------------------------------


def test_a_second_operation_is_refused_while_one_runs(lab: Lab, operator: Operator) -> None:
    gate = "/run/plain-gate"
    with operator.start(*run_words(operator, "-e", f"PLAIN_GATE={gate}")) as running:
        running.until("step-started", step="plain/create@")
        for words in (run_words(operator), ("delete", "--all", "--yes"), ("resume",)):
            error, hint = lines(operator.sealer(*words, code=6).stderr)
            assert error.startswith("error: cluster my-cluster is held by sealer run by ")
            assert f"(process {running.process}, since " in error
            assert hint == "hint: wait until it has ended"
        lab.node("n1").run(["touch", gate])
        running.finish()
    lab.node("n1").run(["rm", gate])
    assert all(service_runs(node) for node in lab.nodes)


def test_an_open_operation_is_finished_or_taken_back_first(operator: Operator) -> None:
    with operator.start(*run_words(operator)) as running:
        running.until("step-started", step="plain/prepare@")
        running.kill()
    error, hint = lines(operator.sealer(*run_words(operator), code=6).stderr)
    name = operator.operations()[-1].name
    assert error == f"error: operation {name} on cluster my-cluster is not finished"
    assert "sealer resume my-cluster" in hint
    operator.sealer("resume")


# ---- disks -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(1, disk_size=400 * MIB)


@pytest.fixture
def cramped(small: Lab, tmp_path: Path) -> Iterator[Operator]:
    """Return someone whose only host has a small disk."""
    person = plain_operator(tmp_path).trusting(small)
    yield person
    free(small.node("n1"))
    person.forget_cluster()


def fill(node: Node, *, leaving: int) -> None:
    """Fill the disk of a node but for some bytes."""
    script = f"""
    free=$(df -P -B1 /var | awk 'END {{ print $4 }}')
    fallocate -l $((free - {leaving})) /var/ballast || [ {leaving} = 0 ]"""
    node.run(["sh", "-c", script])


def free(node: Node) -> None:
    node.run(["rm", "-f", "/var/ballast"])


def test_a_disk_that_is_too_small_is_refused_before_a_change(small: Lab, cramped: Operator) -> None:
    node = small.node("n1")
    make_plain_image(cramped, layers=[{"data": noise(20 * MIB)}])
    fill(node, leaving=30 * MIB)
    before = snapshot(node)
    done = cramped.sealer("run", IMAGE, *cramped.host_flags(), code=3)
    text = "\n".join(lines(done.stderr))
    assert "\nerror: 1 host check failed; nothing was changed\n" in f"\n{text}"
    found = r"\d+ MB free at /var/lib/sealer; wanted: \d+ MB for this image \[disk-space: "
    assert re.search(rf"^    {node.address}: {found}", text, re.MULTILINE)
    assert "\nhint: mend these and run the same command again" in text
    assert not cramped.operations()
    assert compare(before, snapshot(node)) == ()


def test_a_disk_that_layers_fill_while_they_are_unpacked(small: Lab, cramped: Operator) -> None:
    # So well compressed that the checks, which know only that size, find room enough.
    node = small.node("n1")
    make_plain_image(cramped, layers=[{"data": b"\0" * (200 * MIB)}])
    fill(node, leaving=100 * MIB)
    words = ("run", IMAGE, *cramped.host_flags())
    require_full(node, cramped, cramped.sealer(*words, code=5).stderr)
    free(node)
    cramped.sealer("resume")
    assert service_runs(node)
    assert node.run(["stat", "-c", "%s", f"{DATA}/rootfs/data"]).stdout == f"{200 * MIB}\n"


def test_a_disk_that_others_fill_while_layers_arrive(small: Lab, cramped: Operator) -> None:
    node = small.node("n1")
    make_plain_image(cramped, layers=[{"data": noise(30 * MIB)}])
    node.shape(rate="60mbit")
    with cramped.start("run", IMAGE, *cramped.host_flags()) as running:
        running.until("transfer-progress", host=node.address)
        fill(node, leaving=0)
        said = running.finish(code=5)
    require_full(node, cramped, said)
    # As long as nothing was mended, going on fails in the same way.
    require_full(node, cramped, cramped.sealer("resume", code=5).stderr)
    free(node)
    node.unshape()
    cramped.sealer("resume")
    assert service_runs(node)
    assert node.run(["stat", "-c", "%s", f"{DATA}/rootfs/data"]).stdout == f"{30 * MIB}\n"


def require_full(node: Node, operator: Operator, said: str) -> None:
    """See that a message says whose disk is full, what to do, and how to go on."""
    assert f"rootfs@{node.address}: " in said, said
    assert ": the disk is full\n" in said, said
    assert f"hint: free space below {DATA} " in said, said
    assert f"hint: go on with: sealer resume my-cluster   log: {operator.operations()[-1]}/log" in said, said


def noise(size: int) -> bytes:
    """Return bytes that no compression makes fewer."""
    return random.Random(size).randbytes(size)


# ---- content -----------------------------------------------------------------------------------------------


def test_a_corrupted_blob(lab: Lab, operator: Operator) -> None:
    (digest,) = make_plain_image(operator, layers=[{"data": noise(3 * MIB)}])
    store = ImageStore(operator.sealer_home)
    blob = store.blob_path(digest)
    sound = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(sound[:-100] + bytes([sound[-100] ^ 1]) + sound[-99:])

    done = operator.sealer(*run_words(operator), code=4)

    assert f"blob {digest} is damaged" in done.stderr
    assert "hint: pull or load the image again" in done.stderr
    assert not operator.operations()
    for node in lab.nodes:
        assert node.run(["ls", f"{DATA}/blobs/sha256"], check=False).stdout == ""
    make_plain_image(operator, layers=[{"data": noise(3 * MIB)}])
    operator.sealer(*run_words(operator))
    assert all(service_runs(node) for node in lab.nodes)


def test_a_kubefile_with_errors(tmp_path: Path) -> None:
    operator = plain_operator(tmp_path)
    (tmp_path / "Kubefile").write_text("FROM scratch\nCOPYY a b\nAPP demo local://missing.yaml\n")
    done = operator.sealer("build", "-t", "app:v1", "--type", "app-installer", str(tmp_path), code=1)
    assert lines(done.stderr) == [
        f"error: {tmp_path}/Kubefile:2:1: there is no instruction COPYY",
        "    COPYY a b",
        "    ^",
        "hint: did you mean COPY?",
    ]
    assert operator.sealer("images", "-q").stdout == ""
