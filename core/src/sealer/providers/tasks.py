"""Types of the document ``Plugin`` in Clusterfiles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from sealer.changes.base import Change
from sealer.model import Cluster, Host, Task
from sealer.providers.base import Provider


class TaskType(Provider):
    """A type of the document ``Plugin`` in Clusterfiles: something done to hosts, or to the cluster."""

    @abstractmethod
    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        """Return what is done on one host; for phases that are not of hosts it is the first master, once.

        Commands run in the image's root, with kubectl and the image's ``bin/`` on PATH and KUBECONFIG set. At
        phases of cleaning they are kept on the host and run when it is cleaned: of these, commands alone
        count.

        Raises:
            ValueError: Nothing can be made of ``task.data``; the message says why.
        """

    def host_name(self, host: Host, task: Task) -> str | None:
        """Return the name that a host has when the task was done there, or None if it keeps the one it has.

        Plans count on it for tasks that come ahead of everything else on a host.
        """
        return None
