"""The kernel's limit of inotify instances, which all processes of one user share, also those of all nodes."""

from __future__ import annotations

import os
from pathlib import Path

from sealer.testing.lab.errors import LabError

SYSTEMD = 8
"""What a node takes with systemd as its first process: systemd itself, logind, dbus."""

KUBERNETES = 15
"""What a node takes when Kubernetes runs on it: kubelet, containerd, kube-proxy and more on top of that."""

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")


def limit() -> int:
    """Return how many instances the processes of one user may have."""
    return int(_LIMIT.read_text())


def used(processes: Path = Path("/proc")) -> int:
    """Return how many instances the processes of this user have."""
    return sum(_of_process(process) for process in processes.glob("[0-9]*"))


def _of_process(process: Path) -> int:
    count = 0
    try:
        if process.stat().st_uid != os.geteuid():
            return 0
        for descriptor in (process / "fd").iterdir():
            count += str(descriptor.readlink()) == "anon_inode:inotify"
    except OSError:  # the process, or one of its files, is gone
        pass
    return count


def shortage(nodes: int, each: int) -> str | None:
    """Return what is short for a number of nodes, and how to mend it, or None when there is enough.

    Args:
        nodes: How many nodes.
        each: What each takes.
    """
    now, most = used(), limit()
    if most - now >= nodes * each:
        return None
    return (
        f"{nodes * each} inotify instances are needed, and {now} of {most} are in use; end what uses them, "
        f"or: sysctl -w fs.inotify.max_user_instances={now + nodes * each + 64}"
    )


def require_instances(nodes: int, each: int = SYSTEMD) -> None:
    """Refuse to start nodes that would fail for want of instances, each in a way of its own.

    Raises:
        LabError: There are too few.
    """
    text = shortage(nodes, each)
    if text is not None:
        needed, _, mend = text.partition("; ")
        raise LabError(f"{nodes} nodes can't be started: {needed}", hint=mend)
