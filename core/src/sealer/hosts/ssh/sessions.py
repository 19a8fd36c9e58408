"""The sessions of one SSH connection, each with a launcher: opened, lent out, kept for the next script."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncssh

from sealer.errors import HostError, HostUnreachable
from sealer.hosts.shell import Shell
from sealer.hosts.ssh.session import LaunchSession
from sealer.hosts.ssh.slots import SessionSlots

Connect = Callable[[], Awaitable[asyncssh.SSHClientConnection]]
"""Makes an SSH connection, or raises a HostError."""

_REFUSALS = 3
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_SPARE_PAUSE = 0.2
_CLOSE_SECONDS = 5.0


class Sessions:
    """Starts launchers on a host and gives them out, over one connection that is made again when it was lost.

    To start one takes two round trips, so those that are given back are kept. One that has read a stream
    can't be used again: another one is started in its place while nothing else is to be done.

    Args:
        host: The host's name.
        connect: Makes the connection.
        limit: How many launchers are out at once at most.
    """

    def __init__(self, host: str, connect: Connect, limit: int) -> None:
        self._host = host
        self._connect = connect
        self._command = ""
        self._greeting = b""
        self._slots = SessionSlots(limit)
        self._out: set[Shell] = set()
        self._idle: list[Shell] = []
        self._spare: asyncio.Task[Shell] | None = None
        self._link: asyncssh.SSHClientConnection | None = None
        self._linking = asyncio.Lock()
        self._closed = False

    def use(self, command: str, greeting: bytes = b"") -> None:
        """Say how launchers are started from now on; those there are are let go of.

        Args:
            command: The command line.
            greeting: What is written to it first: a password that it asks for.
        """
        self._command, self._greeting = command, greeting
        self._let_go_of_idle()

    def apart(self) -> Sessions:
        """Return sessions of the same kind, over a connection of their own."""
        sessions = Sessions(self._host, self._connect, limit=1)
        sessions.use(self._command, self._greeting)
        return sessions

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[Shell]:
        """Give out a launcher for as long as the context lasts.

        Raises:
            HostUnreachable: The connection was lost, or could not be made again.
            HostError: The host refuses to open a session.
        """
        async with self._slots:
            shell = await self._open()
            self._out.add(shell)
            try:
                yield shell
            finally:
                self._out.discard(shell)
                if shell.reusable and not self._closed:
                    self._idle.append(shell)
                else:
                    shell.abandon()
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
        for shell in tuple(self._out):
            shell.abandon()
        self._let_go_of_idle()
        link, self._link = self._link, None
        if link is not None:
            link.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await link.wait_closed()
            link.abort()

    async def _open(self) -> Shell:
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

    async def _take(self, link: asyncssh.SSHClientConnection) -> Shell:
        """Return a launcher that was prepared, or start one.

        Raises:
            asyncssh.Error: The session can't be opened.
            OSError: The connection is lost.
        """
        while self._idle:
            shell = self._idle.pop()
            if shell.reusable:
                return shell
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(asyncssh.Error, OSError):
                shell = await _wait(spare)
                if shell.reusable:
                    return shell
        return await _wait(asyncio.create_task(self._start(link)))

    async def _start(self, link: asyncssh.SSHClientConnection) -> Shell:
        shell = Shell(self._host)
        await link.create_session(lambda: LaunchSession(shell), self._command, encoding=None)
        if self._greeting:
            await shell.write(self._greeting)
        return shell

    async def _drop(self, link: asyncssh.SSHClientConnection) -> None:
        async with self._linking:
            if self._link is link:
                self._link = None
                link.abort()

    def _let_go_of_idle(self) -> None:
        while self._idle:
            self._idle.pop().abandon()
        if self._spare is not None:
            self._spare.add_done_callback(_let_go)
            self._spare = None

    def _prepare(self, *, again: bool = True) -> None:
        """Start a launcher ahead, if there is none and nothing else is done.

        It is a convenience: where the host does not allow a session it is left out.

        Args:
            again: Whether to try once more after a moment: sshd counts a session for a while after its end.
        """
        link = self._link
        if self._closed or link is None or link.is_closed():
            return
        if self._out or self._idle or self._spare is not None:
            return
        self._spare = asyncio.create_task(self._start(link))
        self._spare.add_done_callback(functools.partial(self._prepared, again=again))

    def _prepared(self, spare: asyncio.Task[Shell], *, again: bool) -> None:
        if spare.cancelled() or spare.exception() is None:
            return
        if self._spare is spare:
            self._spare = None
            if again:
                asyncio.get_running_loop().call_later(_SPARE_PAUSE, lambda: self._prepare(again=False))


async def _wait(starting: asyncio.Task[Shell]) -> Shell:
    try:
        # To cancel the start of a session half-way would leave it open on the host.
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_let_go)
        raise


def _let_go(starting: asyncio.Task[Shell]) -> None:
    """Abandon a launcher that nobody will use."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result().abandon()
