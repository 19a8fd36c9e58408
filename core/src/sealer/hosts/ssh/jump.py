"""Jump hosts: each is logged in to once, however many hosts are behind it."""

from __future__ import annotations

import asyncio
import contextlib

import asyncssh

from sealer.errors import HostError
from sealer.hosts.settings import SshSettings, Target
from sealer.hosts.ssh.keys import KeyRing
from sealer.hosts.ssh.link import open_link
from sealer.hosts.ssh.tunnel import Tunnel

_CLOSE_SECONDS = 5.0

Chain = tuple[Target, ...]
"""Jump hosts in the order in which they are passed."""


class JumpHosts:
    """The jump hosts that connections share.

    Args:
        keys: The key ring.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._hops: dict[Chain, _Hop] = {}

    def way(self, host: str, chain: Chain) -> Way:
        """Return the way to a host, which is open when it is first asked for.

        Args:
            host: The name of the host at its end, for messages.
            chain: The jump hosts on it, none for a host that is dialled from here.
        """
        hop: _Hop | None = None
        hops = []
        for length in range(1, len(chain) + 1):
            passed = chain[:length]
            if passed not in self._hops:
                self._hops[passed] = _Hop(passed[-1], hop, self._keys)
            hop = self._hops[passed]
            hop.users += 1
            hops.append(hop)
        return Way(host, tuple(hops))


class Way:
    """The way to one host. Its user leaves it in the end; nobody left, the jump hosts are left as well."""

    def __init__(self, host: str, hops: tuple[_Hop, ...]) -> None:
        self._host = host
        self._hops = hops

    async def open(self) -> Tunnel | None:
        """Return the way through the last jump host, or None when there is none on it.

        Raises:
            HostError: One of them can't be logged in to; the message says which.
        """
        if not self._hops:
            return None
        return await self._hops[-1].tunnel(self._host)

    async def leave(self) -> None:
        """Give the way up."""
        hops, self._hops = self._hops, ()
        for hop in reversed(hops):
            hop.users -= 1
            if hop.users == 0:
                await hop.close()


class _Hop:
    """One jump host, with the connection to it.

    Attributes:
        users: How many ways lead through it.
    """

    def __init__(self, target: Target, before: _Hop | None, keys: KeyRing) -> None:
        self.users = 0
        self._target = target
        self._settings = target.ssh or SshSettings()
        self._before = before
        self._keys = keys
        self._opening: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._link: asyncssh.SSHClientConnection | None = None

    async def tunnel(self, host: str) -> Tunnel:
        """Return the way on to a host.

        Raises:
            HostError: There is none to this jump host.
        """
        name = self._target.name
        if self._before is not None:
            # Its own failure, if it fails, is not that of this one.
            await self._before.tunnel(host)
        try:
            link = await self._open()
        except HostError as error:
            raise _of_jump_host(error, host, name) from error
        return Tunnel(host, link, name, self._settings.connect_timeout)

    async def close(self) -> None:
        """Log out."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        link, self._link = self._link, None
        if link is not None:
            link.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await link.wait_closed()
            link.abort()

    async def _open(self) -> asyncssh.SSHClientConnection:
        """Return the connection; all who wait for the same attempt share what comes of it."""
        if self._link is not None and not self._link.is_closed():
            return self._link
        if self._opening is None:
            self._opening = asyncio.create_task(self._log_in())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    async def _log_in(self) -> asyncssh.SSHClientConnection:
        target = self._target
        return await open_link(target.name, target.address, self._settings, self._keys, self._way_here)

    async def _way_here(self) -> Tunnel | None:
        return None if self._before is None else await self._before.tunnel(self._target.name)

    def _opened(self, opening: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._link = opening.result()


def _of_jump_host(error: HostError, host: str, hop: str) -> HostError:
    """Return the error of a jump host as that of a host behind it."""
    found = type(error)(f"jump host {hop}: {error.message}", host=host, hint=error.hint)
    found.retryable = error.retryable
    return found
