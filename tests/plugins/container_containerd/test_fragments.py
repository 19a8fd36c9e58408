"""containerd's pieces of sh, run by real shells."""

from __future__ import annotations

import pytest

from sealer_container_containerd import fragments
from sealer_container_containerd.runtime import Containerd
from tests.plugins.kit import SHELLS
from tests.shells import run


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


def test_probes_answer_in_every_shell(shell: tuple[str, ...]) -> None:
    answers = {probe.name: run(shell, probe.script) for probe in Containerd().probes()}
    assert all(answer.returncode == 0 for answer in answers.values())
    assert answers["containerd/oom"].stdout.strip() in ("allowed", "refused")
    assert answers["containerd/overlay"].stdout.strip() in ("yes", "no")


def test_asking_about_oom_scores_leaves_the_asker_as_it_was(shell: tuple[str, ...]) -> None:
    script = f"cat /proc/$$/oom_score_adj\n{fragments.OOM_PROBE}\ncat /proc/$$/oom_score_adj"
    before, _, after = run(shell, script).stdout.split()
    assert before == after
