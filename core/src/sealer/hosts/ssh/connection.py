"""A host behind SSH, as the engine uses it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import asyncssh

from sealer.errors import AuthenticationFailed, HostError, HostUnreachable
from sealer.hosts.execution import Execution
from sealer.hosts.launcher import launch_command
from sealer.hosts.privilege import PRIVILEGE_SCRIPT, Privilege
from sealer.hosts.runner import ScriptRunner
from sealer.hosts.secret import Secret
from sealer.hosts.settings import SshSettings
from sealer.hosts.ssh.keys import KeyRing
from sealer.hosts.ssh.link import open_link
from sealer.hosts.ssh.session import LaunchSession
from sealer.hosts.ssh.slots import SessionSlots

PRIVILEGE_TIMEOUT = 60.0
"""Seconds within which the host must have said whether sudo works."""

_REFUSALS = 3
_FIRST_PAUSE = 0.1
_SPARE_PAUSE = 0.2


class SshConnection(ScriptRunner):
    """One SSH connection to a host, made again by itself after it was lost.

    Args:
        host: The host's name.
        address: An IP address or a name.
        settings: How to log in.
        keys: The key ring shared with other hosts.
    """

    def __init__(self, host: str, address: str, settings: SshSettings, keys: KeyRing) -> None:
        super().__init__(host)
        self._address = address
        self._settings = settings
        self._keys = keys
        self._slots = SessionSlots(settings.sessions)
        self._running: set[Execution] = set()
        self._link: asyncssh.SSHClientConnection | None = None
        self._linking = asyncio.Lock()
        self._privilege: Privilege | None = None
        self._spare: asyncio.Task[Execution] | None = None
        self._spares_while_busy = True
        self._closed = False

    async def connect(self) -> None:
        """Log in now and find out how to become root, instead of at the first script.

        Raises:
            HostUnreachable: The host can't be reached.
            HostKeyRejected: It shows a key that can't be trusted.
            AuthenticationFailed: It refuses the login, or root's privileges.
            HostError: It speaks no SSH that we speak.
        """
        await self._linked()
        if self._privilege is None:
            self._privilege = await self._find_privilege()
        self._prepare()

    async def close(self) -> None:
        """Close the connection; see ``Connection.close``."""
        self._closed = True
        for execution in tuple(self._running):
            execution.abandon()
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.add_done_callback(_let_go)
        link, self._link = self._link, None
        if link is not None:
            link.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await link.wait_closed()
            link.abort()

    @property
    def _password(self) -> Secret | None:
        return self._settings.sudo_password or self._settings.password

    def _launch(self) -> AbstractAsyncContextManager[Execution]:
        return self._session()

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Execution]:
        async with self._slots:
            execution = await self._open()
            self._running.add(execution)
            if self._spares_while_busy:
                self._prepare()
            try:
                if self._privilege is Privilege.SUDO_WITH_PASSWORD:
                    await self._await_sudo(execution)
                yield execution
            finally:
                self._running.discard(execution)
                execution.abandon()
                self._prepare()

    async def _open(self) -> Execution:
        """Return a launcher in a session of its own, as the host lets us have one.

        Raises:
            HostUnreachable: The connection was lost, or could not be made again.
            HostError: The host refuses to open a session.
        """
        pause = _FIRST_PAUSE
        refusals = 0
        while True:
            link = await self._linked()
            try:
                execution = await self._take(link)
            except asyncssh.ChannelOpenError as error:
                if link.is_closed():
                    continue
                if await self._slots.narrow():
                    continue
                # The last session may not have ended on the host yet, or never will on this connection.
                refusals += 1
                if refusals > 2 * _REFUSALS:
                    raise HostError(
                        f"the host refuses to open a session: {error.reason}",
                        host=self.host,
                        hint="check MaxSessions, ForceCommand and the login shell of the user",
                        retryable=True,
                    ) from error
                if refusals == _REFUSALS:
                    await self._unlink(link)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1.0)
            except (asyncssh.Error, OSError) as error:
                raise HostUnreachable(f"the connection was lost: {error}", host=self.host) from error
            else:
                return execution

    async def _await_sudo(self, execution: Execution) -> None:
        """Wait until sudo took the password: one that refuses it reads on, and must not get a script to read.

        Raises:
            AuthenticationFailed: It did not take it.
        """
        try:
            async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                await execution.started()
        except TimeoutError:
            raise self._sudo_refused("\n".join(execution.errors())) from None

    async def _take(self, link: asyncssh.SSHClientConnection) -> Execution:
        """Return the launcher that was prepared, or start one.

        Raises:
            asyncssh.Error: The session can't be opened.
            OSError: The connection is lost.
        """
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(asyncssh.Error, OSError):
                execution = await self._wait(spare)
                if not execution.ended:
                    return execution
        return await self._wait(asyncio.create_task(self._start(link)))

    async def _wait(self, starting: asyncio.Task[Execution]) -> Execution:
        try:
            # To cancel the start of a session half-way would leave it open on the host.
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_let_go)
            raise

    async def _start(self, link: asyncssh.SSHClientConnection) -> Execution:
        execution = Execution(self.host)
        command = launch_command(self._privilege.prefix if self._privilege is not None else ())
        await link.create_session(lambda: LaunchSession(execution), command, encoding=None)
        if self._privilege is Privilege.SUDO_WITH_PASSWORD and self._password is not None:
            await execution.write(f"{self._password.reveal()}\n".encode())
        return execution

    def _prepare(self, *, again: bool = True) -> None:
        """Start a launcher ahead of the next script, which then costs one round trip instead of three.

        It is a convenience: where the host does not allow one more session it is left out.

        Args:
            again: Whether to try once more after a moment: sshd counts a session for a while after its end.
        """
        link = self._link
        if self._privilege is None or self._spare is not None or link is None or link.is_closed():
            return
        self._spare = asyncio.create_task(self._start(link))
        self._spare.add_done_callback(functools.partial(self._prepared, again=again))

    def _prepared(self, spare: asyncio.Task[Execution], *, again: bool) -> None:
        if spare.cancelled() or spare.exception() is None:
            return
        if self._spare is spare:
            self._spare = None
        if self._running:
            self._spares_while_busy = False
        elif again:
            asyncio.get_running_loop().call_later(_SPARE_PAUSE, lambda: self._prepare(again=False))

    async def _linked(self) -> asyncssh.SSHClientConnection:
        async with self._linking:
            if self._closed:
                raise HostUnreachable("the connection was closed", host=self.host)
            if self._link is None or self._link.is_closed():
                self._link = None
                self._link = await open_link(self.host, self._address, self._settings, self._keys)
            return self._link

    async def _unlink(self, link: asyncssh.SSHClientConnection) -> None:
        async with self._linking:
            if self._link is link:
                self._link = None
                link.abort()

    async def _find_privilege(self) -> Privilege:
        """Ask the host how its user becomes root.

        Raises:
            AuthenticationFailed: Not at all.
        """
        result = await self.run_script(PRIVILEGE_SCRIPT, timeout=PRIVILEGE_TIMEOUT)
        answer, _, said = result.stdout.strip().partition(" ")
        match answer:
            case "root":
                return Privilege.ROOT
            case "sudo":
                return Privilege.SUDO
            case "none":
                raise AuthenticationFailed(
                    f"{self._settings.user} is not root, and the host has no sudo",
                    host=self.host,
                    hint="log in as root, or install sudo",
                )
            case _ if self._password is None:
                raise self._sudo_refused(said)
            case _:
                return await self._try_password()

    async def _try_password(self) -> Privilege:
        """Try sudo with the password, once: nothing follows it that sudo could take for a second attempt."""
        self._privilege = Privilege.SUDO_WITH_PASSWORD
        try:
            async with asyncio.timeout(PRIVILEGE_TIMEOUT):
                execution = await self._wait(asyncio.create_task(self._start(await self._linked())))
                execution.write_eof()
                await execution.wait()
        except TimeoutError:
            raise self._sudo_refused("no answer in time") from None
        except (asyncssh.Error, OSError) as error:
            raise HostUnreachable(f"the connection was lost: {error}", host=self.host) from error
        finally:
            self._privilege = None
        if execution.process is None:
            raise self._sudo_refused("\n".join(execution.errors()))
        return Privilege.SUDO_WITH_PASSWORD

    def _refused(self, errors: tuple[str, ...]) -> HostError:
        said = "\n".join(errors)
        if self._privilege not in {None, Privilege.ROOT}:
            return self._sudo_refused(said)
        return HostError(
            f"the login shell of {self._settings.user} did not start sh: {_last_line(said)}",
            host=self.host,
            hint="check the user's login shell, and ForceCommand in sshd_config",
        )

    def _sudo_refused(self, said: str) -> AuthenticationFailed:
        user = self._settings.user
        if "you must have a tty" in said:
            hint = f"let {user} use sudo without a terminal (in sudoers: Defaults:{user} !requiretty)"
        elif self._password is None:
            rule = f"{user} ALL=(ALL) NOPASSWD: ALL"
            hint = f"give the password of {user}, or allow sudo without one (in sudoers: {rule})"
        else:
            hint = "check the password, and that sudoers allows the user everything"
        return AuthenticationFailed(
            f"{user} is not root, and sudo refuses: {_last_line(said)}", host=self.host, hint=hint
        )


def _let_go(starting: asyncio.Task[Execution]) -> None:
    """Abandon a launcher that nobody will use."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result().abandon()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
