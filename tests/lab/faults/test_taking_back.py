"""Taking back: what was there before is there again, whatever came in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import kills
from tests.lab.faults.ground import DELETE, NORMALISED, Ground
from tests.lab.operator import Operator
from tests.lab.plain import plain_operator

pytestmark = pytest.mark.lab


def stranger(ground: Ground, directory: Path) -> Operator:
    """Return someone without image, plugin and records, who can log in to the hosts."""
    person = Operator(home=plain_operator(directory).home)
    return person.trusting(ground.lab)


def test_run_and_run_again_delete_and_run_again(ground: Ground) -> None:
    ground.operator.sealer(*ground.run_words)
    marks = kills.marks(ground.lab)
    assert "done: 0 steps changed something" in ground.operator.sealer(*ground.run_words).stderr
    assert kills.marks(ground.lab) == marks
    ground.delete()
    ground.operator.sealer(*ground.run_words)
    kills.require_equal(ground.after, ground.lab.nodes, NORMALISED)
    ground.delete()


@pytest.mark.parametrize("step", ["rootfs@", "plain/prepare@", "plain/create@", "plain/join@"])
def test_a_cluster_that_is_made_in_part_is_deleted(ground: Ground, step: str) -> None:
    with ground.operator.start(*ground.run_words) as running:
        running.until("step-started", step=step)
        running.kill()
    ground.delete()
    assert not ground.installed


def test_hosts_of_a_cluster_that_nobody_remembers_are_reset(ground: Ground, tmp_path: Path) -> None:
    ground.operator.sealer(*ground.run_words)
    addresses = ",".join(node.address for node in ground.lab.nodes)
    words = ("reset", "--hosts", addresses, "--pk", str(ground.lab.key_path))
    person = stranger(ground, tmp_path)
    found = person.sealer(*words, "--verify", code=1).stdout
    for change in ("file:/etc/plain/token", "hosts:plain.example", "sysctl:net.ipv4.conf.all.rp_filter"):
        assert change in found
    kills.require_equal(ground.after, ground.lab.nodes, NORMALISED)
    person.sealer(*words, "--yes")
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)
    person.sealer(*words, "--verify")


PLANTED = """
mkdir /etc/plain
echo 'made by somebody else' > /etc/plain/settings
chmod 640 /etc/plain/settings
chown daemon:adm /etc/plain/settings
touch -d '2001-02-03 04:05:06' /etc/plain/settings
ln -s /bin/true /usr/local/bin/plain
echo '192.0.2.9 plain.example # by hand' >> /etc/hosts
echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter
ip link add other0 type bridge
"""

UPROOTED = """
rm -r /etc/plain /usr/local/bin/plain
sed -i '/by hand/d' /etc/hosts
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
ip link delete other0
"""


def test_what_was_there_before_is_put_back(ground: Ground) -> None:
    """File, mode, owner, time, link, line, parameter, and a network link that is none of ours."""
    node = ground.lab.node("n2")
    first = node.run(["cat", "/proc/sys/net/ipv4/conf/all/rp_filter"]).stdout
    node.run(["sh", "-eu", "-c", PLANTED])
    try:
        planted = ground.look()
        time = node.run(["stat", "-c", "%y", "/etc/plain/settings"]).stdout
        ground.operator.sealer(*ground.run_words)
        assert node.run(["cat", "/etc/plain/settings"]).stdout == "cluster my-cluster\n"
        ground.operator.sealer(*DELETE)
        kills.require_equal(planted, ground.lab.nodes, NORMALISED)
        assert node.run(["stat", "-c", "%y", "/etc/plain/settings"]).stdout == time
    finally:
        node.run(["sh", "-c", UPROOTED])
        node.run(["tee", "/proc/sys/net/ipv4/conf/all/rp_filter"], input=first)
    kills.require_equal(ground.before, ground.lab.nodes, NORMALISED)
