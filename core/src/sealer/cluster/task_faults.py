"""What is wrong with tasks that Clusterfiles ask for, told all together before anything is planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sealer.clusterfile import PluginSpec
from sealer.clusterfile.fields import nearest
from sealer.errors import SourceError, SourceErrors, UsageError
from sealer.model import Cluster, Task
from sealer.providers import TaskType

Fault = tuple[PluginSpec, str, str | None]
"""Which document, what is wrong with it, and what to do about it."""


def require_sound(cluster: Cluster, plugins: Sequence[PluginSpec], types: Mapping[str, TaskType]) -> None:
    """Refuse tasks of unknown types, and data that mean nothing to theirs.

    Raises:
        UsageError: There is one such document.
        SourceErrors: There are several, each with its place.
    """
    faults = tuple(_faults(cluster, plugins, types))
    if not faults:
        return
    problems = [SourceError(text, place=one.place, hint=hint) for one, text, hint in faults if one.place]
    if len(problems) > 1:
        raise SourceErrors(problems)
    plugin, text, hint = faults[0]
    raise UsageError(text, place=plugin.place, hint=hint)


def _faults(
    cluster: Cluster, plugins: Sequence[PluginSpec], types: Mapping[str, TaskType]
) -> Iterator[Fault]:
    known = tuple(name.upper() for name in types)
    for plugin in plugins:
        if plugin.type not in types:
            hint = nearest(plugin.type.upper(), known) if known else "none is installed"
            yield plugin, f"no plugin provides tasks of type {plugin.type.upper()}", hint
        elif problem := _nonsense(cluster, plugin, types[plugin.type]):
            yield plugin, f"plugin {plugin.name}: {problem}", None


def _nonsense(cluster: Cluster, plugin: PluginSpec, task_type: TaskType) -> str:
    """Return why a type can make nothing of a document's data on some host, or ""."""
    for phase in plugin.phases:
        task = Task(name=plugin.name, type=plugin.type, phase=phase, data=plugin.data)
        chosen = [host for host in cluster.hosts if plugin.chooses(host)]
        for host in chosen if phase.is_for_each_host else cluster.masters[:1]:
            try:
                tuple(task_type.changes(cluster, host, task))
            except ValueError as error:
                return str(error)
    return ""
