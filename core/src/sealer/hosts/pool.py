"""Connections to many hosts at once; what became of each host is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sealer.errors import HostError
from sealer.hosts.connection import Connection
from sealer.hosts.local import LocalConnection, is_local
from sealer.hosts.settings import SshSettings, Target

if TYPE_CHECKING:
    from sealer.hosts.ssh import JumpHosts, KeyRing

CONNECT_LIMIT = 32
"""How many hosts are logged in to at one time."""


async def open_connections(
    targets: Sequence[Target], *, limit: int = CONNECT_LIMIT
) -> dict[str, Connection | HostError]:
    """Connect to all targets.

    Args:
        targets: Each with a name of its own.
        limit: How many to connect to at one time.

    Returns:
        By name and in the order of the targets: the connection, or why there is none.
    """
    from sealer.hosts.ssh import JumpHosts, KeyRing  # noqa: PLC0415 - asyncssh is slow to import

    gate = asyncio.Semaphore(limit)
    keys = KeyRing()
    jump_hosts = JumpHosts(keys)

    async def attempt(target: Target) -> Connection | HostError:
        async with gate:
            try:
                return await open_connection(target, keys=keys, jump_hosts=jump_hosts)
            except HostError as error:
                return error

    tasks = [asyncio.create_task(attempt(target)) for target in targets]
    try:
        outcomes = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await close_connections(item for item in done if not isinstance(item, BaseException))
        raise
    return {target.name: outcome for target, outcome in zip(targets, outcomes, strict=True)}


async def open_connection(
    target: Target, *, keys: KeyRing | None = None, jump_hosts: JumpHosts | None = None
) -> Connection:
    """Connect to one target.

    Args:
        target: The host.
        keys: A key ring shared with other hosts.
        jump_hosts: Jump hosts shared with other hosts.

    Raises:
        HostUnreachable: The host can't be reached.
        HostKeyRejected: It shows a key that can't be trusted.
        AuthenticationFailed: It refuses the login, or root's privileges.
        HostError: It speaks no SSH that we speak.
    """
    from sealer.hosts.ssh import (  # noqa: PLC0415 - asyncssh is slow to import
        JumpHosts,
        KeyRing,
        SshConnection,
    )

    settings = target.ssh or SshSettings()
    if target.local and await asyncio.to_thread(is_local, target.address):
        local = LocalConnection(target.name, password=settings.sudo_password or settings.password)
        try:
            await local.connect()
        except BaseException:
            await local.close()
            raise
        return local
    keys = keys or KeyRing()
    jump_hosts = jump_hosts or JumpHosts(keys)
    connection = SshConnection(target.name, target.address, settings, keys, jump_hosts)
    try:
        await connection.connect()
    except BaseException:
        await connection.close()
        raise
    return connection


async def close_connections(outcomes: Iterable[Connection | HostError]) -> None:
    """Close all connections at once; errors among the outcomes are left alone."""
    await asyncio.gather(*(item.close() for item in outcomes if not isinstance(item, HostError)))
