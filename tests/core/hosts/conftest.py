from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sealer.hosts import SshSettings, Target
from sealer.testing.sshd import Sshd

SettingsFactory = Callable[..., SshSettings]
TargetFactory = Callable[..., Target]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without keys and known hosts, and no agent."""
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.delenv("SEALER_HOME", raising=False)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return directory


@pytest.fixture
def target(tmp_path: Path) -> TargetFactory:
    """Make a target for a server: its key known, and root's key given, unless the test says otherwise."""

    def make(server: Sshd, **changes: Any) -> Target:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(server.known_hosts_line())
        settings = {
            "user": server.user,
            "port": server.port,
            "private_key": server.key,
            "known_hosts": known_hosts,
            "recorded_hosts": tmp_path / "recorded_hosts",
        }
        return Target(name="n1", address=server.address, ssh=SshSettings(**{**settings, **changes}))

    return make
