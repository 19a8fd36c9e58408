"""The tasks that Clusterfiles can ask for with their documents of kind Plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sealer import hookimpl

if TYPE_CHECKING:
    from sealer.providers import TaskType

__all__ = ["sealer_task_types"]


@hookimpl
def sealer_task_types() -> Iterable[TaskType]:
    """Provide SHELL, HOSTNAME, LABEL, TAINT, CLUSTERCHECK and ETCD."""
    from sealer_task_standard.cluster import ClusterCheck, Etcd
    from sealer_task_standard.hosts import Hostname, Shell
    from sealer_task_standard.nodes import Label, Taint

    return (Shell(), Hostname(), Label(), Taint(), ClusterCheck(), Etcd())
