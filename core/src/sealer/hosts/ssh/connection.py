"""A host behind SSH, as the engine uses it: logged in, and with root's privileges."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from sealer.errors import HostError
from sealer.hosts.launcher import launch_command, terminal_command
from sealer.hosts.privilege import Privilege, last_line
from sealer.hosts.privileged import PrivilegedRunner
from sealer.hosts.settings import SshSettings
from sealer.hosts.shell import Shell
from sealer.hosts.ssh.jump import JumpHosts
from sealer.hosts.ssh.keys import KeyRing
from sealer.hosts.ssh.link import open_link
from sealer.hosts.ssh.sessions import Sessions


class SshConnection(PrivilegedRunner):
    """One SSH connection to a host, made again by itself after it was lost.

    Args:
        host: The host's name.
        address: An IP address or a name.
        settings: How to log in.
        keys: The key ring shared with other hosts.
        jump_hosts: Those shared with other hosts.
    """

    def __init__(
        self, host: str, address: str, settings: SshSettings, keys: KeyRing, jump_hosts: JumpHosts
    ) -> None:
        super().__init__(host, user=settings.user, password=settings.sudo_password or settings.password)
        self._way = way = jump_hosts.way(host, settings.jump)
        self._sessions = Sessions(
            host, lambda: open_link(host, address, settings, keys, way.open), limit=settings.sessions
        )
        self._use(Privilege())

    async def connect(self) -> None:
        """Log in, and find out how to become root.

        Raises:
            HostUnreachable: The host can't be reached.
            HostKeyRejected: It shows a key that can't be trusted.
            AuthenticationFailed: It refuses the login, or root's privileges.
            HostError: It speaks no SSH that we speak.
        """
        async with self._start() as shell:
            await self._await_start(shell, None)
            if shell.ready is None:
                raise self._refused(shell.noise())
            root = shell.ready.root
        if not root:
            await self._become_root()

    async def close(self) -> None:
        """Close the connection; see ``Connection.close``."""
        await self._sessions.close()
        await self._way.leave()

    def _launch(self) -> AbstractAsyncContextManager[Shell]:
        return self._privileged(self._start())

    @contextlib.asynccontextmanager
    async def _launch_apart(self) -> AsyncIterator[Shell]:
        # A connection of its own: the other one may have no session left, now or ever.
        sessions = self._sessions.apart()
        try:
            async with self._privileged(sessions.lend()) as shell:
                yield shell
        finally:
            await sessions.close()

    def _start(self) -> AbstractAsyncContextManager[Shell]:
        return self._sessions.lend()

    def _use(self, privilege: Privilege) -> None:
        super()._use(privilege)
        command = terminal_command if privilege.terminal else launch_command
        self._sessions.use(command(privilege.prefix), self._greeting)

    def _not_started(self, said: str) -> HostError:
        return HostError(
            f"the login shell of {self._user} did not start sh: {last_line(said)}",
            host=self.host,
            hint="check the user's login shell, and ForceCommand in sshd_config",
        )
