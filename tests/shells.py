"""Scripts under every shell that hosts have as ``sh``."""

from __future__ import annotations

import subprocess

import pytest

from sealer.testing.shells import SHELLS

every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
"""Runs a test once with each; it gets the words that start one as ``shell``."""


def run(shell: tuple[str, ...], script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script that ends at the first command that fails, in a clean environment."""
    return subprocess.run(
        [*shell, "-e", "-s"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **env},
    )
