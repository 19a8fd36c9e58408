"""Commands that take the words of other programs: which words are whose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealer.cli.program import run
from sealer.cluster.request import Request
from sealer.cluster.state import save_state
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from sealer.errors import OperationLocked, UsageError
from sealer.operation.records import ClusterRecords


@pytest.fixture(autouse=True)
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALER_HOME", str(tmp_path))
    spec = cluster_from_flags("10.0.0.1", "10.0.0.2")
    save_state(ClusterRecords(tmp_path, spec.name), Request.of_hosts(Clusterfile(cluster=spec)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "ls", "-l", "a b"], "on 10.0.0.1, 10.0.0.2: ls -l 'a b'\n"),
        (["ls", "--hosts", "x"], "on 10.0.0.1, 10.0.0.2: ls --hosts x\n"),
        (["-r", "node", "df -h | tail -1"], "on 10.0.0.2: df -h | tail -1\n"),
        (["kubectl", "exec", "p", "--", "sh"], "on 10.0.0.1, 10.0.0.2: kubectl exec p -- sh\n"),
    ],
)
def test_the_words_of_a_command_are_its_own(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["exec", "--dry-run", *words]) == 0
    assert capsys.readouterr().out == said


def test_an_option_that_exec_does_not_have_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exec", "--dry-run", "--host", "10.0.0.1", "reboot"]) == 2
    assert "--host" in capsys.readouterr().err


def test_what_debug_would_make_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--image", "i:1", "n2"], ["n2", "--image", "i:1"]):
        assert run(["debug", "node", "--dry-run", *options, "--", "ls", "-l"]) == 0
        said = capsys.readouterr().out
        assert "nodeName: n2" in said
        assert "image: i:1" in said
    assert run(["debug", "pod", "--dry-run", "--image", "i:1", "--copy", "web", "ps"]) == 0
    said = capsys.readouterr().out
    assert "kubectl debug -n default web --image=i:1 --copy-to=" in said


@pytest.mark.parametrize(
    ("words", "script", "hosts"),
    [
        (["exec", "--dry-run", "-o", "json", "ls", "a b"], "ls 'a b'", ["10.0.0.1", "10.0.0.2"]),
        (
            ["debug", "node", "--dry-run", "-o", "json", "--image", "i:1", "n2"],
            '"nodeName": "n2"',
            ["10.0.0.1"],
        ),
        (["debug", "pod", "--dry-run", "-o", "json", "--image", "i:1", "web"], "kubectl debug", ["10.0.0.1"]),
    ],
)
def test_programs_get_the_form_of_plans(
    words: list[str], script: str, hosts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["verb"], plan["version"], list(plan["summary"]["hosts"])) == (words[0], 1, hosts)
    assert [step["host"] for step in plan["steps"]] == hosts
    assert all(script in change["change"] for step in plan["steps"] for change in step["changes"])


def test_what_can_not_be_done_is_refused_by_a_dry_run_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = cluster_from_flags("10.0.0.1", "10.0.0.2").name
    with ClusterRecords(tmp_path, name).lock("run"):
        assert run(["exec", "--dry-run", "ls"]) == OperationLocked.exit_code
        assert run(["exec", "--dry-run", "--anyway", "ls"]) == 0
    assert run(["debug", "pod", "--dry-run", "--image", "i:1", "No such"]) == UsageError.exit_code
    assert "is no name of a pod" in capsys.readouterr().err
