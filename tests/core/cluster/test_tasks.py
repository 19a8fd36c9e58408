"""The steps of tasks, and the moments they are tied to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Change, Command
from sealer.cluster.applications import LaunchSite
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.pipeline import installation_plan
from sealer.cluster.request import Growth
from sealer.cluster.tasks import plan_rollback_tasks, plan_upgrade_tasks, with_names
from sealer.clusterfile import PluginSpec, parse_clusterfile, render_clusterfile
from sealer.errors import SourceErrors, UsageError
from sealer.model import Cluster, Host, Phase, Step, Task, at
from sealer.operation.plan import Plan
from sealer.providers import TaskType
from sealer.testing.examples import example_host
from sealer.testing.trial import Trial

from .examples import PARTS, cluster, host, image
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


def plan(
    *phases: Phase,
    scope: str = "",
    data: str = "do it",
    kind: str = "shell",
    growth: Growth | None = None,
    there: Cluster | None = None,
) -> Plan:
    plugin = PluginSpec(name="disks", type=kind, phases=phases, scope=scope, data=data)
    parts = replace(PARTS, task_types={"shell": Script()})
    there = there or cluster()
    return installation_plan(there, EVERYWHERE, parts, LaunchChoice(), plugins=(plugin,), growth=growth)


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


def test_a_pod_network_is_there_before_what_comes_before_applications() -> None:
    """A check of the cluster at that phase waits for pods of the system, which wait for the network."""
    labels = {**image().labels, "cluster.alpha.sealer.io/kube-cni-net": "true"}
    found = plan(Phase.PRE_LAUNCH, there=cluster(metadata=image(labels=labels)))
    (network,) = (step for step in found.steps if step.id.endswith("/app/net"))
    task = at("task/disks/pre-launch", cluster().first_master.name)
    assert network.id in found.waits_for[task]
    others = [step.id for step in found.steps if "/app/" in step.id and step is not network]
    assert others
    assert all(task in found.waits_for[step] for step in others)


class Naming(Script):
    name = "naming"

    def host_name(self, host: Host, task: Task) -> str | None:
        if task.data == "bad":
            raise ValueError("nothing is said of hosts")
        return f"{task.data}-{host.facts.hostname}" if host.is_master else None


def test_nodes_get_the_names_that_tasks_give_their_hosts_before() -> None:
    def names(*plugins: PluginSpec) -> list[str]:
        found = with_names(cluster().hosts, plugins, {"naming": Naming(), "shell": Script()})
        return [one.facts.hostname for one in found]

    def task(*phases: Phase, data: str = "new", kind: str = "naming", scope: str = "") -> PluginSpec:
        return PluginSpec(name="names", type=kind, phases=phases, scope=scope, data=data)

    own = [one.facts.hostname for one in cluster().hosts]
    first, *rest = own
    assert names() == own
    assert names(task(Phase.PRE_INIT_HOST)) == [f"new-{first}", *rest]
    assert names(task(Phase.PRE_INIT_HOST, scope="node")) == own
    # What comes behind the installation of a host comes too late for its node.
    assert names(task(Phase.POST_INIT_HOST)) == own
    assert names(task(Phase.PRE_INIT_HOST, kind="shell"), task(Phase.PRE_INIT_HOST, data="bad")) == own


def growth(stamp: str = "op-1") -> Growth:
    """Return that the last host of the example joins a cluster of the others."""
    return Growth(hosts=(cluster().hosts[-1].name,), stamp=stamp)


def test_before_hosts_join_nothing_is_done_on_them() -> None:
    found = plan(Phase.PRE_SCALEUP, growth=growth())
    first, new = cluster().first_master.name, cluster().hosts[-1].name
    task = at("task/disks/pre-scaleup", first)
    assert hosts_of(found) == [first]
    on_new = [step for step in found.steps if step.host == new]
    assert on_new
    assert all(task in found.waits_for[step.id] for step in on_new)
    others = [step for step in found.steps if step.host not in {new, first}]
    assert all(task not in found.waits_for[step.id] for step in others)


def test_once_hosts_have_joined_all_are_members() -> None:
    found = plan(Phase.POST_SCALEUP, growth=growth())
    task = at("task/disks/post-scaleup", cluster().first_master.name)
    assert hosts_of(found) == [cluster().first_master.name]
    waited = {name for step in found.waits_for[task] for name in found.step(step).provides}
    assert {at("member", host.name) for host in cluster().hosts} <= waited


def test_a_new_master_can_be_waited_for_too() -> None:
    machines = cluster(host(1, master=True), host(2, master=True), host(3))
    plugin = PluginSpec(name="disks", type="shell", phases=(Phase.PRE_SCALEUP, Phase.POST_SCALEUP), data="x")
    parts = replace(PARTS, task_types={"shell": Script()})
    joining = Growth(hosts=(machines.hosts[1].name,), stamp="s")
    found = installation_plan(machines, EVERYWHERE, parts, LaunchChoice(), plugins=(plugin,), growth=joining)
    assert len(hosts_of(found)) == 2


@pytest.mark.parametrize("phase", [Phase.PRE_SCALEUP, Phase.POST_SCALEUP])
def test_scaling_up_is_no_part_of_the_first_installation(phase: Phase) -> None:
    assert hosts_of(plan(phase)) == []


def commands(found: Iterable[Step]) -> list[str]:
    return [
        change.key
        for step in found
        if step.id.startswith("task/")
        for change in step.changes
        if isinstance(change, Command)
    ]


def test_what_is_done_when_hosts_join_is_done_each_time() -> None:
    phases = (Phase.PRE_SCALEUP, Phase.POST_SCALEUP)
    first = commands(plan(*phases, growth=growth("op-1")).steps)
    second = commands(plan(*phases, growth=growth("op-2")).steps)
    assert len(first) == len(second) == 2
    assert set(first).isdisjoint(second)
    assert commands(plan(*phases, growth=growth("op-1")).steps) == first


def upgraded(stamp: str, *phases: Phase) -> list[str]:
    plugin = PluginSpec(name="disks", type="shell", phases=phases, data="do it")
    site = LaunchSite(root="/r", kubeconfig="/k")
    found = plan_upgrade_tasks(cluster(), (plugin,), {"shell": Script()}, site, stamp=stamp)
    return commands(found.launching)


def test_what_is_done_at_an_upgrade_is_done_at_the_next_one_too() -> None:
    first, second = (upgraded(stamp, Phase.UPGRADE_HOST, Phase.UPGRADE) for stamp in ("1", "2"))
    assert len(first) == len(cluster().hosts) + 1
    assert set(first).isdisjoint(second)


def rolled_back(*phases: Phase, kind: str = "shell") -> tuple[Step, ...]:
    plugin = PluginSpec(name="disks", type=kind, phases=phases, data="do it")
    site = LaunchSite(root="/r", kubeconfig="/k")
    return plan_rollback_tasks(
        cluster(), (plugin,), {"shell": Script()}, site, stamp="op-9", requires=("taken-back@a",)
    )


def test_a_rollback_has_its_tasks_on_the_first_master_when_all_is_taken_back() -> None:
    (step,) = rolled_back(Phase.ROLLBACK, Phase.POST_INSTALL)
    assert step.host == cluster().first_master.name
    assert step.requires == ("taken-back@a",)
    assert commands([step]) == ["command:disks at rollback (op-9)"]
    assert rolled_back(Phase.POST_INSTALL) == ()


def test_a_type_that_is_gone_stands_in_the_way_of_its_own_rollback_tasks_alone() -> None:
    assert rolled_back(Phase.POST_INSTALL, kind="gone") == ()
    with pytest.raises(UsageError, match="no plugin provides tasks of type GONE"):
        rolled_back(Phase.ROLLBACK, kind="gone")


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
    assert caught.value.hint == "one of: SHELL"


def test_data_that_mean_nothing_are_told_with_the_name_of_the_document() -> None:
    with pytest.raises(UsageError, match="plugin disks: there is nothing to do"):
        plan(Phase.PRE_INSTALL, data="")


def test_all_that_is_wrong_with_tasks_is_told_in_one_go() -> None:
    text = "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: c}\n"
    wrong = {"a": ("SHEL", "x"), "b": ("SHELL", "''"), "c": ("SHELL", "x"), "d": ("NOTE", "x")}
    for name, (kind, data) in wrong.items():
        spec = f"spec: {{type: {kind}, action: post-install|pre-init-host, data: {data}}}"
        text += f"---\napiVersion: sealer.io/v1\nkind: Plugin\nmetadata: {{name: {name}}}\n{spec}\n"
    plugins = parse_clusterfile(text, "Clusterfile", {}).plugins
    parts = replace(PARTS, task_types={"shell": Script()})
    with pytest.raises(SourceErrors) as caught:
        installation_plan(cluster(), EVERYWHERE, parts, LaunchChoice(), plugins=plugins)
    told = [(problem.place.line, problem.message, problem.hint) for problem in caught.value.problems]
    assert told == [
        (5, "no plugin provides tasks of type SHEL", "did you mean SHELL?"),
        (10, "plugin b: there is nothing to do", None),
        (20, "no plugin provides tasks of type NOTE", "one of: SHELL"),
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("PreInit", [Phase.PRE_INIT_HOST]),
        ("Originally|PostInstall", [Phase.PRE_INIT_HOST, Phase.POST_INSTALL]),
        ("PreGuest", [Phase.PRE_LAUNCH]),
        ("PreJoin|PostJoin", [Phase.PRE_SCALEUP, Phase.POST_SCALEUP]),
        ("PreInstall", [Phase.PRE_INSTALL]),
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
