"""How the hosts of a Clusterfile are reached: log-in settings with their secrets fetched."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sealer.clusterfile import ClusterSpec, HostSpec, SecretReference, SecretScheme, SshSpec
from sealer.errors import SealerError
from sealer.hosts.known_hosts import DEFAULT_PORT, host_name
from sealer.hosts.secret import Redactor, resolve_secret
from sealer.hosts.settings import HostKeyPolicy, SshSettings, Target
from sealer.image.access import Access as ImageAccess
from sealer.secret import Secret

_LOGIN = "login"

AskSecret = Callable[[str], Secret]
"""Asks the user for a secret; takes what it is, in a few words.

Raises:
    UsageError: Nobody is there to be asked.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the operator decides about reaching hosts, beside what the Clusterfile says.

    Attributes:
        ask: Asks for secrets that are nowhere to be read.
        accept_new: Whether the key of a host that was never seen is recorded and trusted.
    """

    ask: AskSecret
    accept_new: bool = False


def step_secret(where: Secret | str, access: Access, home: Path) -> Secret:
    """Return the secret of a step: see ``Step.secrets``.

    Raises:
        SealerError: It can't be had.
    """
    if isinstance(where, Secret):
        return where
    scheme, _, what = where.partition(":")
    if scheme == SecretScheme.PROMPT:
        return access.ask(what)
    if scheme == _LOGIN:
        login = ImageAccess(home=home).login(what)
        if login is None:
            raise SealerError(f"there are no credentials for {what}", hint=f"sealer login {what}")
        return login.password
    return resolve_secret(where)


def targets(spec: ClusterSpec, access: Access, redactor: Redactor) -> tuple[Target, ...]:
    """Return where and how to reach the hosts, masters first. Each secret is fetched or asked for once.

    Raises:
        SealerError: A secret can't be fetched.
    """
    known: dict[str, Secret] = {}
    result = []
    for host in (*spec.masters, *spec.nodes):
        said = spec.ssh_of(host)
        ssh = _settings(host, said, access, known)
        local = may_be_local(host.ssh, said)
        result.append(Target(name=host.address, address=host.address, ssh=ssh, local=local))
    for secret in known.values():
        redactor.add(secret)
    return tuple(result)


def may_be_local(own: SshSpec, said: SshSpec) -> bool:
    """Return whether a host is worked on without SSH if its address is one of this machine.

    Not where a way is asked for that is more than the address: a login of the host's own, a port or a jump
    host. Root needs no login; others do without one when they would log in as themselves.

    Args:
        own: What is said of this host alone.
        said: What holds for it.
    """
    if own != SshSpec() or said.port is not None or said.jump:
        return False
    if os.geteuid() == 0:
        return True
    if said.user is None:
        return said.private_key is None and said.password is None
    return said.user == getpass.getuser()


def _settings(host: HostSpec, said: SshSpec, access: Access, known: dict[str, Secret]) -> SshSettings:
    settings = _login(said, access, known)
    return replace(settings, jump=tuple(_way(host, said, settings, access, known)))


def _way(
    host: HostSpec, said: SshSpec, settings: SshSettings, access: Access, known: dict[str, Secret]
) -> Iterator[Target]:
    """Yield the jump hosts on the way to a host; one of them that is the host itself ends it.

    A jump host gets the user and the key of the host behind it unless it has its own, but no password: nobody
    meant to show it to another machine.
    """
    shared = replace(said, password=None, sudo_password=None, port=None, fingerprints=(), jump=None)
    for hop in said.jump or ():
        if (hop.address, hop.ssh.port or DEFAULT_PORT) == (host.address, settings.port):
            return
        # A passphrase belongs to its key.
        base = replace(shared, passphrase=None) if hop.ssh.private_key else shared
        login = hop.ssh.over(base)
        user, where = login.user or SshSettings().user, host_name(hop.address, login.port or DEFAULT_PORT)
        ssh = _login(login, access, known, where=f"@{where}")
        yield Target(name=f"{user}@{where}", address=hop.address, ssh=ssh)


def _login(said: SshSpec, access: Access, known: dict[str, Secret], *, where: str = "") -> SshSettings:
    defaults = SshSettings()

    def secret(value: Secret | SecretReference | None, what: str) -> Secret | None:
        return _fetch(value, f"{what} of {said.user or defaults.user}{where}", access.ask, known)

    policy = HostKeyPolicy.ACCEPT_NEW if access.accept_new else HostKeyPolicy.STRICT
    return SshSettings(
        user=said.user or defaults.user,
        port=said.port or defaults.port,
        password=secret(said.password, "password"),
        private_key=Path(said.private_key).expanduser() if said.private_key else None,
        passphrase=secret(said.passphrase, "passphrase of the key"),
        sudo_password=secret(said.sudo_password, "sudo password"),
        known_hosts=Path(said.known_hosts).expanduser() if said.known_hosts else defaults.known_hosts,
        identities_only=bool(said.identities_only),
        host_key_policy=policy,
        fingerprints=said.fingerprints,
    )


def _fetch(
    value: Secret | SecretReference | None, what: str, ask: AskSecret, known: dict[str, Secret]
) -> Secret | None:
    if value is None:
        return None
    if isinstance(value, Secret):
        known[value.reveal()] = value
        return value
    name = what if value.scheme is SecretScheme.PROMPT else str(value)
    if name not in known:
        known[name] = ask(what) if value.scheme is SecretScheme.PROMPT else resolve_secret(str(value))
    return known[name]
