"""How a host is reached: the address, and what SSH needs to know."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from sealer.home import sealer_home
from sealer.secret import Secret


class HostKeyPolicy(enum.StrEnum):
    """What to do about a host whose key nobody has recorded. A changed key is always refused."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"


def _user_known_hosts() -> Path:
    return Path.home() / ".ssh" / "known_hosts"


def _recorded_hosts() -> Path:
    return sealer_home() / "known_hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSettings:
    """How to log in to a host.

    Attributes:
        user: Who logs in: root, or one who may use sudo.
        port: TCP port of sshd.
        password: Of the user, for password and keyboard-interactive logins.
        private_key: The key file to use; without one the agent's keys and the usual files are tried.
        passphrase: Of the key file.
        sudo_password: What sudo asks for, by default ``password``.
        agent: Whether keys of the running ssh-agent may be used.
        identities_only: Whether ``private_key`` is the only key to be shown: without one none is.
        known_hosts: The user's record of host keys; only read.
        recorded_hosts: Sealer's own record, where ``accept-new`` writes; in OpenSSH's format as well.
        host_key_policy: What to do about a host key that is in neither.
        fingerprints: When there are any, the host key must have one of them (``SHA256:…``), and no record is
            asked.
        jump: The hosts on the way, in order: each is logged in to through the one before it, with its own
            settings (of which ``jump`` must be empty), and its key is judged as that of any host.
        connect_timeout: Seconds until the host must have answered, for each try.
        attempts: How often to try a host that refuses or does not answer.
        sessions: How many scripts run at once at most.
    """

    user: str = "root"
    port: int = 22
    password: Secret | None = None
    private_key: Path | None = None
    passphrase: Secret | None = None
    sudo_password: Secret | None = None
    agent: bool = True
    identities_only: bool = False
    known_hosts: Path = field(default_factory=_user_known_hosts)
    recorded_hosts: Path = field(default_factory=_recorded_hosts)
    host_key_policy: HostKeyPolicy = HostKeyPolicy.STRICT
    fingerprints: tuple[str, ...] = ()
    jump: tuple[Target, ...] = ()
    connect_timeout: float = 10.0
    attempts: int = 3
    sessions: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host to connect to.

    Attributes:
        name: Its name in messages.
        address: An IP address or a name that resolves to one.
        ssh: How to log in; None means the defaults.
        local: Whether SSH is left out when the address is one of the operator's own machine; sudo is then
            given the password that ``ssh`` has for it.
    """

    name: str
    address: str
    ssh: SshSettings | None = None
    local: bool = False
