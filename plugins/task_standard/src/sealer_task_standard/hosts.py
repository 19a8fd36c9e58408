"""Tasks on hosts themselves: scripts, and names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from sealer.changes import Change, Command, File, quote
from sealer.model import Cluster, Host, Task
from sealer.providers import TaskType
from sealer_task_standard.lines import lines_for

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


class Shell(TaskType):
    """A script, run by sh in the image's root."""

    name: ClassVar[str] = "shell"
    summary: ClassVar[str] = "scripts on hosts"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        if not task.data.strip():
            raise ValueError("there is no script in data")
        yield Command(title=f"{task.name} at {task.phase}", run=task.data)


class Hostname(TaskType):
    """The names of hosts, by their addresses."""

    name: ClassVar[str] = "hostname"
    summary: ClassVar[str] = "names of hosts"

    def host_name(self, host: Host, task: Task) -> str | None:
        names = tuple(lines_for(task.data, host.address))
        return names[-1] if names else None

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        for name in lines_for(task.data, host.address):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no host name")
            yield File(path="/etc/hostname", content=f"{name}\n")
            yield Command(
                title=f"{task.name} at {task.phase}: name the host",
                run=f"hostname {quote(name)}",
                unless=f'[ "$(uname -n)" = {quote(name)} ]',
                revert='[ ! -s /etc/hostname ] || hostname "$(cat /etc/hostname)"',
            )
