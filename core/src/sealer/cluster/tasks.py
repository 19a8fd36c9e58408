"""The steps of tasks: what ``Plugin`` documents ask for, tied to the moments of an installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sealer.changes import Change, Command, quote
from sealer.cluster.applications import LaunchSite
from sealer.cluster.request import Growth
from sealer.cluster.task_faults import require_sound
from sealer.clusterfile.plugin_documents import PluginSpec
from sealer.errors import UsageError
from sealer.kubernetes.environment import environment_on
from sealer.model import Cluster, Host, Phase, Step, Task, at
from sealer.providers import TaskType

TIMEOUT = 1800.0
_EACH_TIME = frozenset(
    {Phase.PRE_SCALEUP, Phase.POST_SCALEUP, Phase.UPGRADE_HOST, Phase.UPGRADE, Phase.ROLLBACK}
)
"""Phases that come again and again; a command is done once for each wording otherwise."""

UNPACKED = "unpacked"
"""Instead of ``rootfs@h``, while tasks are done between unpacking and everything that needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """The steps of tasks, by the moment they belong to.

    Attributes:
        before: Ahead of everything on a host: they provide ``rootfs@h`` of these hosts in place of unpacking.
        launching: Once the cluster is there, before applications.
        after: At the end.
        joining: Ahead of everything on hosts that join a cluster that runs.
        early_hosts: The hosts that have steps in ``before``.
    """

    before: tuple[Step, ...] = ()
    launching: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    joining: tuple[Step, ...] = ()
    early_hosts: frozenset[str] = field(default_factory=frozenset)


def with_names(
    hosts: Sequence[Host], plugins: Sequence[PluginSpec], types: Mapping[str, TaskType]
) -> tuple[Host, ...]:
    """Return hosts with the names that tasks give them ahead of everything else, and that nodes get then.

    Of data that a type can make nothing of is told when the tasks are planned.
    """

    def named(host: Host) -> Host:
        names = [host.facts.hostname]
        for plugin in sorted(plugins, key=lambda one: one.name):
            if Phase.PRE_INIT_HOST in plugin.phases and plugin.type in types and plugin.chooses(host):
                task = Task(name=plugin.name, type=plugin.type, phase=Phase.PRE_INIT_HOST, data=plugin.data)
                with suppress(ValueError):
                    names.append(types[plugin.type].host_name(host, task) or names[-1])
        return replace(host, facts=replace(host.facts, hostname=names[-1]))

    return tuple(map(named, hosts))


def plan_tasks(
    cluster: Cluster,
    plugins: Sequence[PluginSpec],
    types: Mapping[str, TaskType],
    site: LaunchSite,
    *,
    growth: Growth | None = None,
) -> TaskPlan:
    """Return the steps of all tasks of an installation.

    Args:
        cluster: The cluster.
        plugins: The tasks.
        types: The types of tasks, by name.
        site: Where they are done.
        growth: Which hosts join, when the cluster ran before.

    Raises:
        UsageError: A type is not known, or can't make anything of its data.
        SourceErrors: So it is with several documents.
    """
    if not plugins:
        return TaskPlan()
    require_sound(cluster, plugins, types)
    stamp = "" if growth is None else growth.stamp
    planner = _Planner(cluster=cluster, plugins=tuple(plugins), types=types, site=site, stamp=stamp)
    joined = planner.once(Phase.POST_SCALEUP, ("cluster",)) if growth is not None else ()
    ahead = (at("rootfs", cluster.first_master.name),)
    joining = planner.once(Phase.PRE_SCALEUP, ahead) if growth is not None else ()
    before = {host.name: planner.early(host) for host in cluster.hosts}
    return TaskPlan(
        before=tuple(step for steps in before.values() for step in steps),
        launching=tuple(planner.once(Phase.PRE_LAUNCH, ("cluster",))),
        after=(
            *(
                step
                for host in cluster.hosts
                for step in planner.on(host, (Phase.POST_INIT_HOST,), (at("member", host.name),))
            ),
            *planner.once(Phase.POST_INSTALL, ("cluster",)),
            *joined,
            *planner.cleaning((Phase.PRE_UNINSTALL, Phase.PRE_CLEAN_HOST)),
        ),
        joining=tuple(joining),
        early_hosts=frozenset(name for name, steps in before.items() if steps),
    )


def plan_upgrade_tasks(
    cluster: Cluster,
    plugins: Sequence[PluginSpec],
    types: Mapping[str, TaskType],
    site: LaunchSite,
    *,
    stamp: str,
) -> TaskPlan:
    """Return the steps of all tasks of an upgrade: on each host, and once when all have the new version.

    Args:
        cluster: The cluster.
        plugins: The tasks.
        types: The types of tasks, by name.
        site: Where they are done.
        stamp: Different for each upgrade.

    Raises:
        UsageError: A type is not known, or can't make anything of its data.
        SourceErrors: So it is with several documents.
    """
    require_sound(cluster, plugins, types)
    planner = _Planner(cluster=cluster, plugins=tuple(plugins), types=types, site=site, stamp=stamp)
    on_hosts = [
        step
        for host in cluster.hosts
        for step in planner.on(host, (Phase.UPGRADE_HOST,), (at("member", host.name),))
    ]
    done = ("cluster", *(name for step in on_hosts for name in step.provides))
    return TaskPlan(launching=(*on_hosts, *planner.once(Phase.UPGRADE, done)))


def plan_rollback_tasks(
    cluster: Cluster,
    plugins: Sequence[PluginSpec],
    types: Mapping[str, TaskType],
    site: LaunchSite,
    *,
    stamp: str,
    requires: tuple[str, ...],
) -> tuple[Step, ...]:
    """Return the steps of all tasks of a rollback, once everything is taken back.

    Args:
        cluster: The cluster as it is again.
        plugins: The tasks.
        types: The types of tasks, by name.
        site: Where they are done.
        stamp: Different for each rollback.
        requires: What holds once everything is taken back.

    Raises:
        UsageError: A type is not known, or can't make anything of its data.
        SourceErrors: So it is with several documents.
    """
    wanted = tuple(plugin for plugin in plugins if Phase.ROLLBACK in plugin.phases)
    require_sound(cluster, wanted, types)
    planner = _Planner(cluster=cluster, plugins=wanted, types=types, site=site, stamp=stamp)
    return tuple(planner.once(Phase.ROLLBACK, requires))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    cluster: Cluster
    plugins: tuple[PluginSpec, ...]
    types: Mapping[str, TaskType]
    site: LaunchSite
    stamp: str = ""

    def early(self, host: Host) -> tuple[Step, ...]:
        """Return the steps of a host that come ahead of everything, tied to one another in their order."""
        first = host == self.cluster.first_master
        phases = [Phase.PRE_INSTALL] if first else []
        steps = [
            *self.cleaning_of(host, (Phase.POST_CLEAN_HOST,)),
            *(self.cleaning_of(host, (Phase.POST_UNINSTALL,)) if first else ()),
            *self.on(host, (*phases, Phase.PRE_INIT_HOST), ()),
        ]
        tied: list[Step] = []
        waits = at(UNPACKED, host.name)
        for number, step in enumerate(steps, start=1):
            last = number == len(steps)
            done = at("rootfs", host.name) if last else at(f"early-task-{number}", host.name)
            tied.append(replace(step, requires=(waits,), provides=(*step.provides, done)))
            waits = done
        return tuple(tied)

    def once(self, phase: Phase, requires: tuple[str, ...]) -> Iterator[Step]:
        yield from self.on(self.cluster.first_master, (phase,), requires)

    def cleaning(self, phases: tuple[Phase, ...]) -> Iterator[Step]:
        for host in self.cluster.hosts:
            wanted = [p for p in phases if p.is_for_each_host or host == self.cluster.first_master]
            for step in self.cleaning_of(host, tuple(wanted)):
                yield replace(step, requires=(at("member", host.name),))

    def on(self, host: Host, phases: tuple[Phase, ...], requires: tuple[str, ...]) -> Iterator[Step]:
        for plugin in self._of(host, phases):
            for phase in phases:
                if phase in plugin.phases:
                    yield self._step(plugin, host, phase, self._changes(plugin, host, phase), requires)

    def cleaning_of(self, host: Host, phases: tuple[Phase, ...]) -> Iterator[Step]:
        """Return steps that do nothing now: what they are for stands in the host's record, as their undo."""
        for plugin in self._of(host, phases):
            for phase in phases:
                if phase in plugin.phases:
                    changes = (self._kept(plugin, host, phase),)
                    yield self._step(plugin, host, phase, changes, ())

    def _of(self, host: Host, phases: tuple[Phase, ...]) -> Iterator[PluginSpec]:
        # Ordered by name, as the Go tool does.
        for plugin in sorted(self.plugins, key=lambda one: one.name):
            for_hosts = any(phase.is_for_each_host for phase in phases if phase in plugin.phases)
            if not for_hosts or plugin.chooses(host):
                yield plugin

    def _changes(self, plugin: PluginSpec, host: Host, phase: Phase) -> tuple[Change, ...]:
        task = Task(name=plugin.name, type=plugin.type, phase=phase, data=plugin.data)
        try:
            changes = tuple(self.types[plugin.type].changes(self.cluster, host, task))
        except ValueError as error:
            raise UsageError(f"plugin {plugin.name}: {error}", place=plugin.place) from error
        return tuple(self._anew(change) for change in changes) if phase in _EACH_TIME else changes

    def _anew(self, change: Change) -> Change:
        """Return a change that is made though the same was made at an earlier time."""
        if isinstance(change, Command):
            return replace(change, title=f"{change.title} ({self.stamp})")
        return change

    def _kept(self, plugin: PluginSpec, host: Host, phase: Phase) -> Command:
        runs = [change.run for change in self._changes(plugin, host, phase) if isinstance(change, Command)]
        env = self.site.environment(environment_on(self.cluster, host))
        exports = "\n".join(f"export {name}={quote(text)}" for name, text in sorted(env.items()))
        text = "\n".join(runs)
        return Command(
            title=f"{plugin.name} is done at {phase}",
            run=":",
            revert=f"{exports}\ncd {quote(self.cluster.rootfs)} 2>/dev/null || cd /\n{text}",
        )

    def _step(
        self,
        plugin: PluginSpec,
        host: Host,
        phase: Phase,
        changes: tuple[Change, ...],
        requires: tuple[str, ...],
    ) -> Step:
        return Step(
            id=at(f"task/{plugin.name}/{phase}", host.name),
            title=f"{plugin.name} at {phase}",
            host=host.name,
            changes=changes,
            provides=(at(f"task/{plugin.name}/{phase}", host.name),),
            requires=requires,
            env=self.site.environment(environment_on(self.cluster, host)),
            directory=self.cluster.rootfs,
            timeout=TIMEOUT,
        )
