"""The operator's own machine as a host."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from sealer.errors import AuthenticationFailed, HostError, HostUnreachable
from sealer.hosts.child import Child
from sealer.hosts.execution import Execution
from sealer.hosts.launcher import launch_words
from sealer.hosts.runner import ScriptRunner

SESSIONS = 4
"""How many scripts run at once."""

_ANY_PORT = 9  # nothing is sent to it

CONNECT_TIMEOUT = 60.0
"""Seconds within which sudo must have answered."""


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
    """

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._running: set[Execution] = set()
        self._closed = False
        self._words = launch_words(() if os.geteuid() == 0 else ("sudo", "-n", "-H", "--"))

    async def connect(self) -> None:
        """Find out now whether scripts get root's privileges.

        Raises:
            AuthenticationFailed: They do not.
        """
        result = await self.run_script("id -u", timeout=CONNECT_TIMEOUT)
        if result.stdout.strip() != "0":
            raise self._refused(("sudo gives no root privileges",))

    async def close(self) -> None:
        """Let go of what still runs."""
        self._closed = True
        for execution in tuple(self._running):
            execution.abandon()

    def _refused(self, errors: tuple[str, ...]) -> HostError:
        said = f": {errors[-1]}" if errors else ""
        if os.geteuid() == 0:
            return HostError(f"sh could not be started{said}", host=self.host)
        return AuthenticationFailed(
            f"changing this machine needs root, and sudo refuses{said}",
            host=self.host,
            hint="run sealer as root, or allow your user to use sudo without a password",
        )

    def _launch(self) -> AbstractAsyncContextManager[Execution]:
        return self._start(self._sessions)

    def _launch_apart(self) -> AbstractAsyncContextManager[Execution]:
        return self._start(contextlib.nullcontext())

    @contextlib.asynccontextmanager
    async def _start(self, gate: AbstractAsyncContextManager[None]) -> AsyncIterator[Execution]:
        async with gate:
            execution = Execution(self.host)
            try:
                await Child(self._words, execution).start()
            except OSError as error:
                raise self._refused((f"{self._words[0]}: {error.strerror}",)) from error
            self._running.add(execution)
            try:
                if self._closed:
                    raise HostUnreachable("the connection was closed", host=self.host)
                yield execution
            finally:
                self._running.discard(execution)
                execution.abandon()
