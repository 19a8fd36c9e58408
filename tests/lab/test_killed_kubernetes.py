"""SIGKILL in the middle of making a Kubernetes cluster and of taking it away: resumed, it is all the same."""

from __future__ import annotations

import pytest

from tests.lab import kills
from tests.lab.cluster import End, Site

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

KILLS = 3
"""How often the run is killed, each time in another part of it."""

WITH_SECRETS = ("kubernetes/token@", "kubernetes/certificates@", "registry/")
"""Steps that are visited again when others still need their secrets, which are written down nowhere."""


@pytest.fixture(scope="module")
def undisturbed(site: Site) -> End:
    """Return what an undisturbed run comes to; no cluster is there any more."""
    if site.end is None:
        site.install()
    site.delete()
    assert site.end is not None
    return site.end


def test_a_killed_run_is_resumed_to_the_same_cluster(site: Site, undisturbed: End) -> None:
    operator, lab = site.operator, site.lab
    lot, words, kept = kills.draw("kubernetes"), site.run_words, kills.marks(site.lab)
    for part in range(KILLS):
        seconds = lot.uniform(part, part + 1) / KILLS * undisturbed.run_seconds / (1 if part == 0 else 2)
        print(f"{words[0]}: killed after {seconds:.1f} s")
        if not kills.kill_within(operator, words, seconds=seconds):
            break
        kills.require_kept(kept, kept := kills.marks(lab))
        words = kills.go_on(operator, site.run_words)
    else:
        operator.sealer(*words)

    kills.require_kept(kept, kills.marks(lab))
    kills.require_once(operator, may_repeat=lambda step, _: step.startswith(WITH_SECRETS))
    site.wait_for_pods()
    assert operator.sealer(*site.plan_words, "--detailed-exitcode").stdout == "nothing to do\n"
    assert site.workloads() == undisturbed.workloads
    differences = undisturbed.differences(lab.nodes)
    assert not differences, "\n".join(differences)


def test_a_killed_deletion_is_resumed_and_leaves_nothing(site: Site, undisturbed: End) -> None:
    operator = site.operator
    site.install()
    words = ("delete", "--all", "--yes")
    seconds = kills.draw("kubernetes deletion").uniform(0.1, 0.9) * max(undisturbed.delete_seconds, 1.0)
    print(f"delete: killed after {seconds:.1f} s")
    if kills.kill_within(operator, words, seconds=seconds):
        operator.sealer(*kills.go_on(operator, words))
    residue = site.residue()
    assert residue == {}, "\n".join(str(one) for found in residue.values() for one in found)
