"""Scripts that run as root, on a host whose user is root or becomes it by sudo."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from sealer.errors import HostError, PrivilegesRefused
from sealer.hosts.privilege import (
    PRIVILEGE_SCRIPT,
    PRIVILEGE_TIMEOUT,
    Privilege,
    read_privilege,
    sudo_refused,
)
from sealer.hosts.runner import ScriptRunner
from sealer.hosts.shell import Shell
from sealer.secret import Secret


class PrivilegedRunner(ScriptRunner):
    """Runs scripts as root; subclasses say how a launcher is started with a privilege.

    Args:
        host: The host's name.
        user: Who logs in.
        password: What sudo asks for, if it does.
    """

    def __init__(self, host: str, *, user: str, password: Secret | None) -> None:
        super().__init__(host)
        self._user = user
        self._password = password
        self._privilege = Privilege()

    @abstractmethod
    def _start(self) -> AbstractAsyncContextManager[Shell]:
        """Start a launcher, with the password if sudo wants one, which may not have taken it yet.

        Raises:
            HostError: It can't be started.
        """

    @abstractmethod
    def _not_started(self, said: str) -> HostError:
        """Return the error for a launcher without sudo that did not start, from what was printed instead."""

    def _use(self, privilege: Privilege) -> None:
        """Start launchers in another way from now on."""
        self._privilege = privilege

    @property
    def _greeting(self) -> bytes:
        """What a launcher gets to read first: the password, if sudo asks for it."""
        if not self._privilege.password or self._password is None:
            return b""
        return f"{self._password.reveal()}\n".encode(errors="surrogateescape")

    async def _become_root(self) -> None:
        """Find out how scripts get root's privileges, and do so from now on.

        Raises:
            PrivilegesRefused: They do not.
        """
        result = await self.run_script(PRIVILEGE_SCRIPT, timeout=PRIVILEGE_TIMEOUT)
        has_password = self._password is not None
        self._use(read_privilege(result.stdout, host=self.host, user=self._user, has_password=has_password))
        if self._privilege.password:
            await self._try_password()

    @contextlib.asynccontextmanager
    async def _privileged(self, launcher: AbstractAsyncContextManager[Shell]) -> AsyncIterator[Shell]:
        """Give out a launcher as soon as it may get a script: sudo that refuses the password reads on.

        Raises:
            PrivilegesRefused: sudo did not take the password.
        """
        async with launcher as shell:
            if self._privilege.password:
                await self._await_start(shell, None)
            yield shell

    async def _try_password(self) -> None:
        """Try sudo with the password, once: nothing follows it that sudo could take for a second attempt.

        Raises:
            PrivilegesRefused: It is refused.
        """
        async with self._start() as shell:
            shell.write_eof()
            await self._await_start(shell, "no answer in time")
        if shell.ready is None:
            raise self._refused(shell.noise())

    async def _await_start(self, shell: Shell, late: str | None) -> None:
        """Wait until a launcher is ready or has ended.

        Args:
            shell: The launcher.
            late: What is said of one that is not in time; what it printed, if None.

        Raises:
            HostError: It was not in time.
        """
        try:
            async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                await shell.started()
        except TimeoutError:
            raise self._refused(shell.noise() if late is None else (late,)) from None

    def _refused(self, errors: tuple[str, ...]) -> HostError:
        said = "\n".join(errors)
        if not self._privilege.sudo:
            return self._not_started(said)
        return self._sudo_refused(said)

    def _sudo_refused(self, said: str) -> PrivilegesRefused:
        return sudo_refused(said, host=self.host, user=self._user, has_password=self._password is not None)
