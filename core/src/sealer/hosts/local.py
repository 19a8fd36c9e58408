"""The operator's own machine as a host."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import pwd
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from sealer.errors import HostError, HostUnreachable, PrivilegesRefused
from sealer.hosts.child import Child
from sealer.hosts.launcher import launch_words, terminal_command
from sealer.hosts.privilege import (
    PRIVILEGE_SCRIPT,
    PRIVILEGE_TIMEOUT,
    Privilege,
    last_line,
    read_privilege,
    sudo_refused,
)
from sealer.hosts.runner import ScriptRunner
from sealer.hosts.shell import Shell
from sealer.secret import Secret

SESSIONS = 4
"""How many scripts run at once."""

_ANY_PORT = 9  # nothing is sent to it


def is_local(address: str) -> bool:
    """Whether an IP address or a name belongs to this machine alone. Names are resolved."""
    try:
        found = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return bool(found) and all(_is_own(family, where) for family, _, _, _, where in found)


def _is_own(family: int, where: tuple[Any, ...]) -> bool:
    """Ask the kernel which address it would speak from: to an address of its own it is that one.

    To bind the address would be no proof: with ``ip_nonlocal_bind`` every address can be bound.
    """
    if ipaddress.ip_address(where[0].partition("%")[0]).is_loopback:
        return True
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((where[0], _ANY_PORT, *where[2:]))
        except OSError:
            return False
        return bool(probe.getsockname()[0] == where[0])


class LocalConnection(ScriptRunner):
    """Runs scripts on this machine, each in a session of its own: no key pressed in the terminal ends it.

    Args:
        host: The host's name.
        password: What sudo asks for, if it does.
    """

    def __init__(self, host: str, *, password: Secret | None = None) -> None:
        super().__init__(host)
        self._password = password
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._running: set[Shell] = set()
        self._closed = False
        self._use(Privilege())

    async def connect(self) -> None:
        """Find out now how scripts get root's privileges.

        Raises:
            PrivilegesRefused: They do not.
            HostError: There is no sh.
        """
        result = await self.run_script(PRIVILEGE_SCRIPT, timeout=PRIVILEGE_TIMEOUT)
        has_password = self._password is not None
        self._use(read_privilege(result.stdout, host=self.host, user=_user(), has_password=has_password))
        if self._privilege.password:
            await self._try_password()

    def _use(self, privilege: Privilege) -> None:
        self._privilege = privilege
        prefix = privilege.prefix
        self._words = ("sh", "-c", terminal_command(prefix)) if privilege.terminal else launch_words(prefix)

    async def close(self) -> None:
        """Let go of what still runs."""
        self._closed = True
        for shell in tuple(self._running):
            shell.abandon()

    def _refused(self, errors: tuple[str, ...]) -> HostError:
        said = "\n".join(errors)
        if self._privilege.sudo:
            return self._sudo_refused(said)
        return HostError(f"sh could not be started: {last_line(said)}", host=self.host)

    def _sudo_refused(self, said: str) -> PrivilegesRefused:
        return sudo_refused(said, host=self.host, user=_user(), has_password=self._password is not None)

    def _launch(self) -> AbstractAsyncContextManager[Shell]:
        return self._lend(self._sessions)

    def _launch_apart(self) -> AbstractAsyncContextManager[Shell]:
        return self._lend(contextlib.nullcontext())

    @contextlib.asynccontextmanager
    async def _lend(self, gate: AbstractAsyncContextManager[None]) -> AsyncIterator[Shell]:
        async with gate, self._start() as shell:
            if self._privilege.password:
                await self._await_sudo(shell)
            yield shell

    @contextlib.asynccontextmanager
    async def _start(self) -> AsyncIterator[Shell]:
        shell = Shell(self.host)
        try:
            await Child(self._words, shell).start()
        except OSError as error:
            raise self._refused((f"{self._words[0]}: {error.strerror}",)) from error
        self._running.add(shell)
        try:
            if self._closed:
                raise HostUnreachable("the connection was closed", host=self.host)
            if self._privilege.password and self._password is not None:
                await shell.write(f"{self._password.reveal()}\n".encode(errors="surrogateescape"))
            yield shell
        finally:
            self._running.discard(shell)
            shell.abandon()

    async def _try_password(self) -> None:
        """Try sudo with the password, once: nothing follows it that sudo could take for a second attempt.

        Raises:
            PrivilegesRefused: It is refused.
        """
        async with self._start() as shell:
            shell.write_eof()
            try:
                async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                    await shell.started()
            except TimeoutError:
                raise self._sudo_refused("no answer in time") from None
        if shell.ready is None:
            raise self._sudo_refused("\n".join(shell.noise()))

    async def _await_sudo(self, shell: Shell) -> None:
        """Wait until sudo took the password: one that refuses it reads on, and must not get a script to read.

        Raises:
            PrivilegesRefused: It did not take it.
        """
        try:
            async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                await shell.started()
        except TimeoutError:
            raise self._sudo_refused("\n".join(shell.noise())) from None


def _user() -> str:
    """Return the name of the user who runs this program, or the number of one who has none."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
