"""What is said to a cluster about nodes that leave."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sealer.kubernetes import forget_command, leave_in_turn, removal_step
from sealer.model import Departure, Host, Step
from sealer.testing import example_host

KUBECTL = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$0.calls"
[ "$(wc -l < "$0.calls")" -gt {failures} ] || {{ echo 'etcdserver: leader changed' >&2; exit 1; }}
"""


def forget(directory: Path, failures: int) -> tuple[int, list[str]]:
    """Run the script with a kubectl that is refused so often, and without its pauses."""
    kubectl = directory / "kubectl"
    kubectl.write_text(KUBECTL.format(failures=failures))
    kubectl.chmod(0o755)
    script = f"sleep() {{ :; }}\nset -e\n{forget_command(str(kubectl), 'n2')}\necho on"
    done = subprocess.run(["dash"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (done.stdout == "on\n") == (done.returncode == 0)
    return done.returncode, (directory / "kubectl.calls").read_text().splitlines()


def test_a_node_is_forgotten_though_etcd_chooses_a_leader_meanwhile(tmp_path: Path) -> None:
    assert forget(tmp_path, failures=3) == (0, ["delete node n2 --ignore-not-found"] * 4)


def test_what_is_refused_for_long_fails(tmp_path: Path) -> None:
    status, calls = forget(tmp_path, failures=99)
    assert status == 1
    assert len(calls) == 10


def test_masters_leave_one_after_the_other_lost_ones_first_and_nodes_side_by_side() -> None:
    masters = [example_host(number, master=True) for number in (1, 2)]
    nodes = [example_host(number) for number in (3, 4)]
    agent = example_host(5, master=True)
    leaving = Departure(hosts=(*masters, *nodes), lost=frozenset({masters[1].name}))

    def step(host: Host, before: tuple[str, ...]) -> Step:
        return removal_step(
            leaving, host, agent, distribution="toy", node="n", run=("a", "b"), gone="c", requires=before
        )

    steps = list(leave_in_turn(leaving, step, requires=("told",)))
    assert {made.provides: made.requires for made in steps} == {
        (f"removed@{masters[1].name}",): ("told",),
        (f"removed@{masters[0].name}",): (f"removed@{masters[1].name}",),
        (f"removed@{nodes[0].name}",): (),
        (f"removed@{nodes[1].name}",): (),
    }
    assert {made.host for made in steps} == {agent.name}
