"""A host behind SSH, as the engine uses it: logged in, and with root's privileges."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from sealer.errors import HostError, PrivilegesRefused
from sealer.hosts.launcher import launch_command, terminal_command
from sealer.hosts.privilege import (
    PRIVILEGE_SCRIPT,
    PRIVILEGE_TIMEOUT,
    Privilege,
    last_line,
    read_privilege,
    sudo_refused,
)
from sealer.hosts.runner import ScriptRunner
from sealer.hosts.settings import SshSettings
from sealer.hosts.shell import Shell
from sealer.hosts.ssh.jump import JumpHosts
from sealer.hosts.ssh.keys import KeyRing
from sealer.hosts.ssh.link import open_link
from sealer.hosts.ssh.sessions import Sessions


class SshConnection(ScriptRunner):
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
        super().__init__(host)
        self._way = way = jump_hosts.way(host, settings.jump)
        self._user = settings.user
        self._password = settings.sudo_password or settings.password
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
        async with self._sessions.lend() as shell:
            root = await self._await_launcher(shell)
        if root:
            return
        self._use(await self._find_privilege())
        if self._privilege.password:
            await self._try_password()

    async def close(self) -> None:
        """Close the connection; see ``Connection.close``."""
        await self._sessions.close()
        await self._way.leave()

    def _launch(self) -> AbstractAsyncContextManager[Shell]:
        return self._lend(self._sessions)

    @contextlib.asynccontextmanager
    async def _launch_apart(self) -> AsyncIterator[Shell]:
        # A connection of its own: the other one may have no session left, now or ever.
        sessions = self._sessions.apart()
        try:
            async with self._lend(sessions) as shell:
                yield shell
        finally:
            await sessions.close()

    @contextlib.asynccontextmanager
    async def _lend(self, sessions: Sessions) -> AsyncIterator[Shell]:
        async with sessions.lend() as shell:
            if self._privilege.password:
                await self._await_sudo(shell)
            yield shell

    def _use(self, privilege: Privilege) -> None:
        self._privilege = privilege
        command = terminal_command if privilege.terminal else launch_command
        greeting = b""
        if privilege.password and self._password is not None:
            greeting = f"{self._password.reveal()}\n".encode(errors="surrogateescape")
        self._sessions.use(command(privilege.prefix), greeting)

    async def _await_launcher(self, shell: Shell) -> bool:
        """Wait until the login shell has started the first launcher, and say whether that is root.

        Raises:
            HostError: It was not started.
        """
        try:
            async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                await shell.started()
        except TimeoutError:
            raise self._refused(shell.noise()) from None
        if shell.ready is None:
            raise self._refused(shell.noise())
        return shell.ready.root

    async def _find_privilege(self) -> Privilege:
        """Ask the host how its user becomes root.

        Raises:
            PrivilegesRefused: Not at all.
        """
        result = await self.run_script(PRIVILEGE_SCRIPT, timeout=PRIVILEGE_TIMEOUT)
        return read_privilege(
            result.stdout, host=self.host, user=self._user, has_password=self._password is not None
        )

    async def _try_password(self) -> None:
        """Try sudo with the password, once: nothing follows it that sudo could take for a second attempt.

        Raises:
            PrivilegesRefused: It is refused.
        """
        async with self._sessions.lend() as shell:
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

    def _refused(self, errors: tuple[str, ...]) -> HostError:
        said = "\n".join(errors)
        if self._privilege.sudo:
            return self._sudo_refused(said)
        return HostError(
            f"the login shell of {self._user} did not start sh: {last_line(said)}",
            host=self.host,
            hint="check the user's login shell, and ForceCommand in sshd_config",
        )

    def _sudo_refused(self, said: str) -> PrivilegesRefused:
        return sudo_refused(said, host=self.host, user=self._user, has_password=self._password is not None)
