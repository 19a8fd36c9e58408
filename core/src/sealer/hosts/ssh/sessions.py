"""The sessions of one SSH connection, each with a launcher: opened, prepared ahead, lent out."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncssh

from sealer.errors import HostError, HostUnreachable
from sealer.hosts.execution import Execution
from sealer.hosts.ssh.session import LaunchSession
from sealer.hosts.ssh.slots import SessionSlots

Connect = Callable[[], Awaitable[asyncssh.SSHClientConnection]]
"""Makes an SSH connection, or raises a HostError."""

SPARES = 2
"""Launchers that are started ahead. To start one takes two round trips and a script takes one, so with two
of them scripts can follow one another without a pause."""

_REFUSALS = 3
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_SPARE_PAUSE = 0.2
_CLOSE_SECONDS = 5.0


class Sessions:
    """Starts launchers on a host and gives them out, over one connection that is made again when it was lost.

    Args:
        host: The host's name.
        connect: Makes the connection.
        limit: How many launchers are out at once at most.

    Attributes:
        command: The command line that starts a launcher.
        greeting: What is written to it first: a password that the command asks for.
    """

    def __init__(self, host: str, connect: Connect, limit: int) -> None:
        self.command = ""
        self.greeting = b""
        self._host = host
        self._connect = connect
        self._slots = SessionSlots(limit)
        self._out: set[Execution] = set()
        self._link: asyncssh.SSHClientConnection | None = None
        self._linking = asyncio.Lock()
        self._spares: deque[asyncio.Task[Execution]] = deque()
        self._wanted_spares = 0
        self._spares_while_busy = True
        self._closed = False

    def apart(self) -> Sessions:
        """Return sessions of the same kind, over a connection of their own."""
        sessions = Sessions(self._host, self._connect, limit=1)
        sessions.command, sessions.greeting = self.command, self.greeting
        return sessions

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[Execution]:
        """Give out a launcher for as long as the context lasts.

        Raises:
            HostUnreachable: The connection was lost, or could not be made again.
            HostError: The host refuses to open a session.
        """
        async with self._slots:
            execution = await self._open()
            self._out.add(execution)
            if self._spares_while_busy:
                self._prepare()
            try:
                yield execution
            finally:
                self._out.discard(execution)
                execution.abandon()
                self._prepare()

    def prepare_ahead(self) -> None:
        """From now on start launchers ahead of the next scripts, which then cost one round trip, not three.

        It is a convenience: where the host does not allow one more session it is left out.
        """
        self._wanted_spares = SPARES
        self._prepare()

    async def link(self) -> asyncssh.SSHClientConnection:
        """Return the connection, made again if it was lost.

        Raises:
            HostError: It can't be made.
        """
        async with self._linking:
            if self._closed:
                raise HostUnreachable("the connection was closed", host=self._host)
            if self._link is None or self._link.is_closed():
                self._link = None
                self._link = await self._connect()
            return self._link

    async def close(self) -> None:
        """Close the connection and let go of all launchers."""
        self._closed = True
        for execution in tuple(self._out):
            execution.abandon()
        self._wanted_spares = 0
        while self._spares:
            self._spares.popleft().add_done_callback(_let_go)
        link, self._link = self._link, None
        if link is not None:
            link.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await link.wait_closed()
            link.abort()

    async def _open(self) -> Execution:
        pause = _FIRST_PAUSE
        refusals = 0
        while True:
            link = await self.link()
            try:
                return await self._take(link)
            except asyncssh.ChannelOpenError as error:
                if link.is_closed() or await self._slots.narrow():
                    continue
                # The last session may not have ended on the host yet, or never will on this connection.
                refusals += 1
                if refusals > 2 * _REFUSALS:
                    raise HostError(
                        f"the host refuses to open a session: {error.reason}",
                        host=self._host,
                        hint="check MaxSessions, ForceCommand and the login shell of the user",
                        retryable=True,
                    ) from error
                if refusals == _REFUSALS:
                    await self._drop(link)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except (asyncssh.Error, OSError) as error:
                raise HostUnreachable(f"the connection was lost: {error}", host=self._host) from error

    async def _take(self, link: asyncssh.SSHClientConnection) -> Execution:
        """Return a launcher that was prepared, or start one.

        Raises:
            asyncssh.Error: The session can't be opened.
            OSError: The connection is lost.
        """
        while self._spares:
            with contextlib.suppress(asyncssh.Error, OSError):
                execution = await _wait(self._spares.popleft())
                if not execution.ended:
                    return execution
        return await _wait(asyncio.create_task(self._start(link)))

    async def _start(self, link: asyncssh.SSHClientConnection) -> Execution:
        execution = Execution(self._host)
        await link.create_session(lambda: LaunchSession(execution), self.command, encoding=None)
        if self.greeting:
            await execution.write(self.greeting)
        return execution

    async def _drop(self, link: asyncssh.SSHClientConnection) -> None:
        async with self._linking:
            if self._link is link:
                self._link = None
                link.abort()

    def _prepare(self, *, again: bool = True) -> None:
        """Start launchers ahead, as many as are wanted.

        Args:
            again: Whether to try once more after a moment: sshd counts a session for a while after its end.
        """
        link = self._link
        if link is None or link.is_closed():
            return
        while len(self._spares) < self._wanted_spares:
            spare = asyncio.create_task(self._start(link))
            self._spares.append(spare)
            spare.add_done_callback(functools.partial(self._prepared, again=again))

    def _prepared(self, spare: asyncio.Task[Execution], *, again: bool) -> None:
        if spare.cancelled() or spare.exception() is None:
            return
        if spare in self._spares:
            self._spares.remove(spare)
        if self._link is None or self._link.is_closed():
            return
        if self._spares:
            self._wanted_spares = min(self._wanted_spares, 1)
        elif self._out:
            self._spares_while_busy = False
        elif again:
            asyncio.get_running_loop().call_later(_SPARE_PAUSE, lambda: self._prepare(again=False))


async def _wait(starting: asyncio.Task[Execution]) -> Execution:
    try:
        # To cancel the start of a session half-way would leave it open on the host.
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_let_go)
        raise


def _let_go(starting: asyncio.Task[Execution]) -> None:
    """Abandon a launcher that nobody will use."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result().abandon()
