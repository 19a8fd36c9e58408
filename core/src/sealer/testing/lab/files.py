"""The files of a node, as a snapshot tells them apart."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ignored:
    """Which files a snapshot leaves out.

    Attributes:
        trees: Absolute paths, or patterns with ``*``, left out with all below them.
        contents: Absolute paths of files, or of directories with all below them, of which only that they
            exist is taken down, with type, mode and owner: their contents change by themselves.
    """

    trees: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()


DEFAULT_IGNORED = Ignored(
    trees=(
        # Of the kernel, told in other ways, or gone with the power.
        "/proc",
        "/sys",
        "/dev",
        "/tmp",
        # What the parts of systemd keep about things that are taken down themselves: units, sessions. The
        # directories in which others leave something for it, such as /run/systemd/system, are not here.
        "/run/systemd/dynamic-uid",
        "/run/systemd/inaccessible",
        "/run/systemd/inhibit",
        "/run/systemd/journal",
        "/run/systemd/propagate",
        "/run/systemd/seats",
        "/run/systemd/sessions",
        "/run/systemd/show-status",
        "/run/systemd/transient",
        "/run/systemd/units",
        "/run/systemd/users",
        "/run/log/journal",
        "/var/log/journal",
        "/var/tmp/systemd-private-*",
        # Written by PAM at a login.
        "/run/motd.dynamic",
    ),
    contents=(
        "/run/sshd.pid",
        "/run/utmp",
        "/run/ebtables.lock",
        "/run/xtables.lock",
        "/var/lib/systemd/random-seed",
        "/var/lib/systemd/timers",
        "/var/log/btmp",
        "/var/log/lastlog",
        "/var/log/wtmp",
    ),
)
"""Nothing below /etc, /opt, /root, /usr or /var/lib is left out but systemd's seed and time stamps."""

_hashes: dict[tuple[str, int, int, int, int, int], str] = {}
"""Digests by path, device, inode, size and times: nothing on a node can change a file and keep its ctime.

The device is 0 for files that all nodes share. The inode does not tell nodes apart: a shared file keeps its
number when a node writes to it, and two nodes may do so in one tick of the clock.
"""


def read_files(pid: int, ignored: Ignored, *, shared_until: int = 0) -> Mapping[str, str]:
    """Return every file a process sees below its root, by absolute path, and what is known about each.

    Args:
        pid: The process, as the host numbers it.
        ignored: What is left out.
        shared_until: Files whose status changed last before then, in nanoseconds since 1970, are those that
            all nodes share.
    """
    top = Path(f"/proc/{pid}/root")
    left_out = [re.compile(fnmatch.translate(tree)).match for tree in ignored.trees]
    found: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        directory = waiting.pop()
        try:
            entries = sorted(os.scandir(f"{top}{directory}"), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        for entry in entries:
            path = os.path.join(directory, entry.name)  # noqa: PTH118  (many thousand times)
            if any(match(path) for match in left_out):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
                bare = _covered(path, ignored.contents)
                found[path] = _describe(entry.path, path, status, bare=bare, shared_until=shared_until)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
    return found


def _covered(path: str, names: tuple[str, ...]) -> bool:
    return any(path == name or path.startswith(f"{name}/") for name in names)


def _describe(real: str, path: str, status: os.stat_result, *, bare: bool, shared_until: int) -> str:
    """Say in words what a file is: its type, mode, owner, and its contents or target."""
    mode = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return f"{mode} -> {Path(real).readlink()}"
    if stat.S_ISREG(status.st_mode) and not bare:
        return f"{mode} {status.st_size} bytes sha256:{_digest(real, path, status, shared_until)}"
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return f"{mode} device {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return mode


def _digest(real: str, path: str, status: os.stat_result, shared_until: int) -> str:
    device = 0 if status.st_ctime_ns < shared_until else status.st_dev
    key = (path, device, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key not in _hashes:
        try:
            with Path(real).open("rb") as file:
                _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise
        except OSError:
            # A namespace that is kept by a mount looks like a file, and cannot be read.
            return "none"
    return _hashes[key]
