"""The steps of tasks, and the moments they are tied to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Change, Command
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.pipeline import installation_plan
from sealer.clusterfile import PluginSpec, parse_clusterfile, render_clusterfile
from sealer.errors import SourceErrors, UsageError
from sealer.model import Cluster, Host, Phase, Task, at
from sealer.operation.plan import Plan
from sealer.providers import TaskType
from sealer.testing.examples import example_host
from sealer.testing.trial import Trial

from .examples import PARTS, cluster, host
from .test_pipeline import EVERYWHERE

CLUSTER = "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: c}\n---\n"
PLUGIN = """\
apiVersion: sealer.io/v1
kind: Plugin
metadata: {name: disks}
spec: {type: SHELL, action: %s, scope: %s, data: do it}
"""


class Script(TaskType):
    name = "shell"
    summary = "scripts"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        if not task.data:
            raise ValueError("there is nothing to do")
        yield Command(title=f"{task.name} at {task.phase}", run=task.data)


def plan(*phases: Phase, scope: str = "", data: str = "do it", kind: str = "shell") -> Plan:
    plugin = PluginSpec(name="disks", type=kind, phases=phases, scope=scope, data=data)
    parts = replace(PARTS, task_types={"shell": Script()})
    return installation_plan(cluster(), EVERYWHERE, parts, LaunchChoice(), plugins=(plugin,))


def hosts_of(found: Plan) -> list[str]:
    return [step.host for step in found.steps if step.id.startswith("task/")]


def test_what_comes_before_a_host_is_made_holds_everything_there_up() -> None:
    found = plan(Phase.PRE_INIT_HOST)
    names = [one.name for one in cluster().hosts]
    assert hosts_of(found) == names
    for name in names:
        task = at("task/disks/pre-init-host", name)
        assert found.waits_for[task] == {at("rootfs", name)}
        waiting = [step for step in found.steps if step.host == name and at("rootfs", name) in step.requires]
        assert waiting
        assert all(task in found.waits_for[step.id] for step in waiting)


def test_once_is_on_the_first_master() -> None:
    for phase in (Phase.PRE_INSTALL, Phase.PRE_LAUNCH, Phase.POST_INSTALL):
        assert hosts_of(plan(phase, scope="node")) == [cluster().first_master.name]


def test_applications_wait_for_what_comes_before_them() -> None:
    found = plan(Phase.PRE_LAUNCH)
    task = at("task/disks/pre-launch", cluster().first_master.name)
    apps = [step.id for step in found.steps if "/app/" in step.id]
    assert apps
    assert all(task in found.waits_for[step] for step in apps)


def test_what_is_for_cleaning_does_nothing_now_and_is_kept_on_the_host() -> None:
    found = plan(Phase.PRE_CLEAN_HOST, Phase.POST_CLEAN_HOST)
    steps = [step for step in found.steps if step.id.startswith("task/")]
    assert len(steps) == 2 * len(cluster().hosts)
    for step in steps:
        (change,) = step.changes
        assert isinstance(change, Command)
        assert change.run == ":"
        assert change.revert.endswith("\ndo it")
    order = [step.id for step in found.steps if step.host == cluster().hosts[-1].name]
    assert order[-1].startswith("task/disks/pre-clean-host")
    assert order[1].startswith("task/disks/post-clean-host")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("", True),
        ("node", True),
        ("master", False),
        ("master|node", True),
        ("10.0.0.2", True),
        ("10.0.0.1-10.0.0.3", True),
        ("10.0.0.3-10.0.0.9", False),
        ("zone=a", True),
        ("zone=b", False),
        ("zone=b,10.0.0.2", True),
        ("2001:db8::1-2001:db8::9", False),
    ],
)
def test_hosts_are_chosen_by_role_address_range_and_label(scope: str, expected: bool) -> None:
    plugin = PluginSpec(name="p", type="shell", phases=(), scope=scope)
    assert plugin.chooses(example_host(2, labels={"zone": "a"})) is expected


def test_a_type_that_nobody_provides() -> None:
    with pytest.raises(UsageError, match="no plugin provides tasks of type NOTE") as caught:
        plan(Phase.PRE_INSTALL, kind="note")
    assert caught.value.hint == "known: SHELL"


def test_data_that_mean_nothing_are_told_with_the_name_of_the_document() -> None:
    with pytest.raises(UsageError, match="plugin disks: there is nothing to do"):
        plan(Phase.PRE_INSTALL, data="")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("PreInit", [Phase.PRE_INIT_HOST]),
        ("Originally|PostInstall", [Phase.PRE_INIT_HOST, Phase.POST_INSTALL]),
        ("PreGuest", [Phase.PRE_LAUNCH]),
        ("PreClean | PostClean", [Phase.PRE_CLEAN_HOST, Phase.POST_CLEAN_HOST]),
        ("post-init-host", [Phase.POST_INIT_HOST]),
    ],
)
def test_earlier_names_of_phases(names: str, expected: list[Phase]) -> None:
    found = parse_clusterfile(CLUSTER + PLUGIN % (f"'{names}'", "node"), "C", {})
    (plugin,) = found.plugins
    assert list(plugin.phases) == expected
    assert parse_clusterfile(render_clusterfile(found), "D", {}) == found


@pytest.mark.parametrize(
    ("action", "scope", "message", "hint"),
    [
        ("pre-instal", "node", "'pre-instal' is no phase", "did you mean pre-install?"),
        ("pre-install", "'no de'", "chooses no hosts", "write roles"),
        ("''", "node", "spec.action is missing", "one of"),
    ],
)
def test_what_is_wrong_with_a_document(action: str, scope: str, message: str, hint: str) -> None:
    with pytest.raises(SourceErrors) as caught:
        parse_clusterfile(CLUSTER + PLUGIN % (action, scope), "C", {})
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in (problem.hint or "")


def test_the_environment_of_a_host_is_there() -> None:
    first = replace(host(1, master=True), env={"DISK": "vdb"})
    plugin = PluginSpec(name="d", type="shell", phases=(Phase.PRE_INIT_HOST,), data="x")
    parts = replace(PARTS, task_types={"shell": Script()})
    machines = cluster(first, host(2), host(3))
    found = installation_plan(machines, EVERYWHERE, parts, LaunchChoice(), plugins=(plugin,))
    step = found.step(at("task/d/pre-init-host", first.name))
    assert (step.env["DISK"], step.env["HostIP"]) == ("vdb", first.address)


def test_what_is_for_cleaning_runs_when_a_host_is_cleaned(tmp_path: Path) -> None:
    made = tmp_path / "made"
    found = plan(Phase.PRE_CLEAN_HOST, data=f"echo $HostIP > {made}")
    step = next(step for step in found.steps if step.id.startswith("task/"))
    trial = Trial(data=tmp_path / "data")
    assert trial.apply(step).complete
    assert not made.exists()
    assert trial.take_back().complete
    assert made.read_text() == f"{step.host}\n"
