"""Tasks on nodes of the cluster: labels and taints, set by the address of each node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from sealer.changes import Change, Command, quote
from sealer.model import Cluster, Host, Task
from sealer.providers import TaskType
from sealer_task_standard.lines import lines_for

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*(?:=[A-Za-z0-9._-]*|-)")
_TAINT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._/-]*?(?:=[A-Za-z0-9._-]*)?(?::(?:NoSchedule|PreferNoSchedule|NoExecute))?-?"
)

_ADDRESSES = (
    "{{range .items}}{{$node := .metadata.name}}{{range .status.addresses}}"
    '{{.address}} {{$node}}{{"\\n"}}{{end}}{{end}}'
)
_NODE = (
    f"node=$(kubectl get nodes -o go-template='{_ADDRESSES}' | "
    "awk -v a=%s '$1 == a { print $2; exit }')\n"
    '[ -n "$node" ] || { echo "no node has the address "%s >&2; exit 1; }\n'
)


class _NodeTask(TaskType):
    """Something that kubectl sets on nodes; repeated, it changes nothing."""

    verb: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        hosts = (host,) if task.phase.is_for_each_host else cluster.hosts
        for one in hosts:
            words = tuple(self._words(task, one))
            if words:
                find = _NODE.replace("%s", quote(one.address))
                line = " ".join(quote(word) for word in words)
                yield Command(
                    title=f"{task.name} at {task.phase}: {self.verb} {one.address}",
                    run=f'{find}kubectl {self.verb} node "$node" --overwrite {line}',
                    repeatable=True,
                )

    def _words(self, task: Task, host: Host) -> Iterator[str]:
        for rest in lines_for(task.data, host.address):
            for word in rest.replace(",", " ").split():
                if not self.pattern.fullmatch(word):
                    raise ValueError(f"{word!r} is nothing that kubectl {self.verb} takes")
                yield word


class Label(_NodeTask):
    """Labels of nodes."""

    name: ClassVar[str] = "label"
    summary: ClassVar[str] = "labels of nodes"
    verb = "label"
    pattern = _LABEL


class Taint(_NodeTask):
    """Taints of nodes."""

    name: ClassVar[str] = "taint"
    summary: ClassVar[str] = "taints of nodes"
    verb = "taint"
    pattern = _TAINT
