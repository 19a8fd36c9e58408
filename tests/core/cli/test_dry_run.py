"""Every verb that changes hosts has ``--dry-run``, and what is shown is told apart from what is done."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from sealer.cli.plans import NOTHING, plan_lines
from sealer.cluster.certificates import RENEW
from sealer.cluster.debug_outlook import DEBUG
from sealer.cluster.executing import EXEC
from sealer.cluster.host_aliases import HOST_ALIAS
from sealer.cluster.launching import UNINSTALL
from sealer.cluster.launching import UPGRADE as UPGRADE_APP
from sealer.cluster.mending import FIX
from sealer.cluster.outlook import Outlook, PlannedChange, PlannedStep
from sealer.cluster.planning import RUN
from sealer.cluster.removal_plan import REMOVALS
from sealer.cluster.rotation import ROTATE
from sealer.cluster.upgrading import UPGRADE

from .commands import ALL

READING = {
    "gen",
    "plan",
    "status",
    "kubeconfig",
    "doctor",
    "debug list",
    "debug images",
    "app list",
    "app status",
    "app diff",
}
"""What reaches hosts and only reads there."""

LOCAL = {"operations abort", "prune"}
"""What changes no host, but something here."""


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


TOUCHING = {name for name, command in ALL.items() if "--concurrency" in options(command)} - READING


def test_hosts_are_touched_by_those_verbs_that_say_how_many_at_a_time() -> None:
    assert {"run", "apply", "resume", "delete", "reset", "check", "operations rollback"} <= TOUCHING


@pytest.mark.parametrize("name", sorted(TOUCHING | LOCAL))
def test_a_verb_that_changes_hosts_has_a_dry_run(name: str) -> None:
    assert "--dry-run" in options(ALL[name])


@pytest.mark.parametrize("name", sorted(TOUCHING | LOCAL))
def test_what_would_be_done_is_printed_for_programs_too(name: str) -> None:
    assert "--output" in options(ALL[name])


def test_no_verb_beside_them_offers_one() -> None:
    assert {name for name, command in ALL.items() if "--dry-run" in options(command)} == TOUCHING | LOCAL


def outlook(*steps: PlannedStep) -> Outlook:
    return Outlook(verb="run", cluster="c", image="i:v1", hosts=("a", "b", "c"), steps=steps)


def step(host: str, *changes: tuple[str, str]) -> PlannedStep:
    found = tuple(PlannedChange(change=change, reason=reason) for change, reason in changes)
    return PlannedStep(step=f"prepare@{host}", title="prepare", host=host, changes=found)


def test_a_plan_shows_what_each_host_needs_and_why() -> None:
    found = outlook(
        step("a", ("file /x", "/x is missing")), step("b"), step("c", ("unit y", "it does not run"))
    )
    assert plan_lines(found) == [
        "a",
        "  prepare  (prepare@a)",
        "    file /x: /x is missing",
        "c",
        "  prepare  (prepare@c)",
        "    unit y: it does not run",
        "run c: 2 changes in 2 of 3 steps on 2 of 3 hosts",
    ]


def test_a_plan_that_changes_nothing_says_so() -> None:
    assert plan_lines(outlook(step("a"))) == [NOTHING]


def test_a_reason_from_a_host_cannot_play_with_the_terminal() -> None:
    lines = plan_lines(outlook(step("a", ("file /x", "\x1b[2Jgone\nsecond line"))))
    assert "    file /x: [2Jgone second line" in lines


def test_the_sum_counts_hosts_that_need_nothing() -> None:
    plain = outlook(step("a", ("file /x", "gone")), step("b")).to_plain()
    assert plain["summary"] == {
        "changes": 1,
        "steps": 2,
        "steps_needed": 1,
        "hosts": {"a": 1, "b": 0, "c": 0},
    }


PAGE = (Path(__file__).parents[3] / "docs/plan.md").read_text(encoding="utf-8")


def test_the_form_of_plans_is_the_documented_one() -> None:
    plain = outlook(step("a", ("file /x", "gone"))).to_plain()
    found = [plain, plain["summary"], plain["steps"][0], plain["steps"][0]["changes"][0]]
    tables = [re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) for table in PAGE.split("| field")[1:]]
    assert tables == [list(part) for part in found]


def test_the_documented_verbs_are_those_of_operations() -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith("| `verb` |"))
    assert set(re.findall(r"`([\w-]+)`", line)) - {"verb", "app"} == {
        RUN,
        UPGRADE,
        FIX,
        RENEW,
        ROTATE,
        HOST_ALIAS,
        UPGRADE_APP,
        UNINSTALL,
        EXEC,
        DEBUG,
        *REMOVALS,
    }
