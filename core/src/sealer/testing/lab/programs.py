"""The programs of the host that the lab is made with, and how it runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sealer.testing.lab.errors import LabError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The search path of everything the lab runs; an operator's own PATH often lacks the sbin directories."""

SCRIPTS = Path(__file__).parent / "scripts"
"""The POSIX shell files that run before a node has a root of its own."""

_PACKAGES: Mapping[str, str] = {
    "chroot": "coreutils",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tc": "iproute2",
    "unshare": "util-linux",
}

EVERYDAY_PROGRAMS = ("chroot", "ip", "mount", "nsenter", "setsid", "ssh-keygen", "tc", "unshare")
"""What every lab needs; ``debootstrap`` and ``mkfs.ext4`` are asked for by what uses them."""


def require_root() -> None:
    """Raise LabError unless this process is root."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes namespaces and mounts", hint="run the command with sudo")


def require_programs(names: Iterable[str] = EVERYDAY_PROGRAMS) -> None:
    """Raise LabError naming the Debian packages of those programs that are not installed."""
    missing = [name for name in names if shutil.which(name, path=PATH) is None]
    if missing:
        packages = " ".join(sorted({_PACKAGES[name] for name in missing}))
        raise LabError(f"the lab needs {', '.join(missing)}", hint=f"apt-get install {packages}")


def run(
    argv: Sequence[str],
    *,
    input: str | None = None,  # noqa: A002  (as in subprocess.run)
    check: bool = True,
    timeout: float | None = 60.0,
    shown: Sequence[str] | None = None,
    place: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program of the host and return its result with both outputs as text.

    Args:
        argv: The program and its arguments.
        input: Text for its standard input; without it the input is empty.
        check: Whether an exit status other than 0 raises.
        timeout: Seconds after which the program is killed; None waits for ever.
        shown: What errors call the program, when ``argv`` begins with wrappers.
        place: Where it runs, for errors.

    Raises:
        LabError: The program failed, is missing, or took too long.
    """
    title = " ".join(argv if shown is None else shown)
    try:
        result = subprocess.run(
            argv,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
            env=environment(),
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed", place=place) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{title} did not end within {timeout:g} s", place=place) from error
    if check and result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()
        reason = lines[-1] if lines else "no output"
        raise LabError(f"{title} ended with status {result.returncode}: {reason}", place=place)
    return result


def environment() -> dict[str, str]:
    """Return the environment of the host's programs: the caller's, with a full PATH and plain messages."""
    return {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8"}
