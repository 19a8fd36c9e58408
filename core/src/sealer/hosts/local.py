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

from sealer.errors import HostError, HostUnreachable
from sealer.hosts.child import Child
from sealer.hosts.launcher import launch_words, terminal_command
from sealer.hosts.privilege import last_line
from sealer.hosts.privileged import PrivilegedRunner
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


class LocalConnection(PrivilegedRunner):
    """Runs scripts on this machine, each in a session of its own: no key pressed in the terminal ends it.

    Args:
        host: The host's name.
        password: What sudo asks for, if it does.
    """

    def __init__(self, host: str, *, password: Secret | None = None) -> None:
        super().__init__(host, user=_user(), password=password)
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._running: set[Shell] = set()
        self._closed = False

    async def connect(self) -> None:
        """Find out now how scripts get root's privileges.

        Raises:
            PrivilegesRefused: They do not.
            HostError: There is no sh.
        """
        await self._become_root()

    async def close(self) -> None:
        """Let go of what still runs."""
        self._closed = True
        for shell in tuple(self._running):
            shell.abandon()

    def _not_started(self, said: str) -> HostError:
        return HostError(
            f"sh could not be started: {last_line(said)}",
            host=self.host,
            hint="check that sh is in PATH, and can be run",
        )

    @contextlib.asynccontextmanager
    async def _launch(self) -> AsyncIterator[Shell]:
        async with self._sessions, self._launch_apart() as shell:
            yield shell

    def _launch_apart(self) -> AbstractAsyncContextManager[Shell]:
        return self._privileged(self._start())

    @contextlib.asynccontextmanager
    async def _start(self) -> AsyncIterator[Shell]:
        shell = Shell(self.host)
        prefix = self._privilege.prefix
        terminal = self._privilege.terminal
        words = ("sh", "-c", terminal_command(prefix)) if terminal else launch_words(prefix)
        try:
            await Child(words, shell).start()
        except OSError as error:
            raise self._refused((f"{words[0]}: {error.strerror}",)) from error
        self._running.add(shell)
        try:
            if self._closed:
                raise HostUnreachable("the connection was closed", host=self.host)
            if self._greeting:
                await shell.write(self._greeting)
            yield shell
        finally:
            self._running.discard(shell)
            shell.abandon()


def _user() -> str:
    """Return the name of the user who runs this program, or the number of one who has none."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
