"""A host behind SSH, as the engine uses it: logged in, and with root's privileges."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from sealer.errors import HostError, PrivilegesRefused
from sealer.hosts.execution import Execution
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
        await self._sessions.link()
        self._use(await self._find_privilege())
        if self._privilege.password:
            await self._try_password()
        self._sessions.prepare_ahead()

    async def close(self) -> None:
        """Close the connection; see ``Connection.close``."""
        await self._sessions.close()
        await self._way.leave()

    def _launch(self) -> AbstractAsyncContextManager[Execution]:
        return self._lend(self._sessions)

    @contextlib.asynccontextmanager
    async def _launch_apart(self) -> AsyncIterator[Execution]:
        # A connection of its own: the other one may have no session left, now or ever.
        sessions = self._sessions.apart()
        try:
            async with self._lend(sessions) as execution:
                yield execution
        finally:
            await sessions.close()

    @contextlib.asynccontextmanager
    async def _lend(self, sessions: Sessions) -> AsyncIterator[Execution]:
        async with sessions.lend() as execution:
            if self._privilege.password:
                await self._await_sudo(execution)
            yield execution

    def _use(self, privilege: Privilege) -> None:
        self._privilege = privilege
        command = terminal_command if privilege.terminal else launch_command
        self._sessions.command = command(privilege.prefix)
        if privilege.password and self._password is not None:
            self._sessions.greeting = f"{self._password.reveal()}\n".encode(errors="surrogateescape")

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
        async with self._sessions.lend() as execution:
            execution.write_eof()
            try:
                async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                    await execution.wait()
            except TimeoutError:
                raise self._sudo_refused("no answer in time") from None
        if execution.process is None:
            raise self._sudo_refused("\n".join(execution.errors()))

    async def _await_sudo(self, execution: Execution) -> None:
        """Wait until sudo took the password: one that refuses it reads on, and must not get a script to read.

        Raises:
            PrivilegesRefused: It did not take it.
        """
        try:
            async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                await execution.started()
        except TimeoutError:
            raise self._sudo_refused("\n".join(execution.errors())) from None

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
