"""The nodes' root in the benchmark of the engine: the lab's, with Debian's Python, which Ansible needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from sealer.testing.lab.root import ensure_root

PACKAGES = (
    "libexpat1",
    "libffi8",
    "libncursesw6",
    "libnsl2",
    "libpython3-stdlib",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libreadline8",
    "libsqlite3-0",
    "libtirpc-common",
    "libtirpc3",
    "media-types",
    "python3",
    "python3-minimal",
    "python3.11",
    "python3.11-minimal",
    "readline-common",
)
"""What ``python3`` of Debian 12 depends on beyond what the lab's root has."""


def make_root(directory: Path) -> Path:
    """Copy the lab's root below a directory and install Python there; all nodes share the copy."""
    root = directory / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", str(ensure_root()), str(root)], check=True)
    archives = root / "archives"
    archives.mkdir()
    # The machine's own apt knows a mirror of the suite; the lab's root was made from it.
    fetch = ["apt-get", "-o", "APT::Sandbox::User=root", "-q", "download", *PACKAGES]
    _run(fetch, archives)
    names = [f"/archives/{path.name}" for path in sorted(archives.glob("*.deb"))]
    # They come all together, so none has to wait for another.
    install = ["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-depends"]
    _run([*install, "--install", *names], directory)
    shutil.rmtree(archives)
    return root


def _run(words: list[str], directory: Path) -> None:
    result = subprocess.run(words, cwd=directory, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(words[:4])} ... failed:\n{result.stderr}")
