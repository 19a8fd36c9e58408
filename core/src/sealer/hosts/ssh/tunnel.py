"""The way from a jump host to the next host, and a clear word on why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh

from sealer.errors import HostError, HostUnreachable


class Tunnel:
    """What asyncssh connects through when it makes an SSH connection.

    Args:
        host: The name of the host behind it, for messages.
        link: The connection to the jump host.
        hop: What messages call the jump host.
        seconds: How long the host behind it has to answer.
    """

    def __init__(self, host: str, link: asyncssh.SSHClientConnection, hop: str, seconds: float) -> None:
        self._host = host
        self._link = link
        self._hop = hop
        self._seconds = seconds

    async def create_connection(
        self,
        session_factory: Callable[[], asyncssh.SSHTCPSession[bytes]],
        remote_host: str,
        remote_port: int,
    ) -> tuple[asyncssh.SSHTCPChannel[bytes], asyncssh.SSHTCPSession[bytes]]:
        """Have the jump host connect to an address.

        Raises:
            HostUnreachable: It can't.
            HostError: It does not do that for anybody.
        """
        where = f"{remote_host} port {remote_port}"
        try:
            async with asyncio.timeout(self._seconds):
                return await self._link.create_connection(session_factory, remote_host, remote_port)
        except asyncssh.ChannelOpenError as error:
            raise self._refused(error, where) from error
        except TimeoutError as error:
            raise HostUnreachable(
                f"{where} did not answer jump host {self._hop} within {self._seconds:g} seconds",
                host=self._host,
                hint="check that the host is up, and that no firewall stands between it and the jump host",
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise HostUnreachable(
                f"the connection to jump host {self._hop} was lost: {error}", host=self._host
            ) from error

    def _refused(self, error: asyncssh.ChannelOpenError, where: str) -> HostError:
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            return HostError(
                f"jump host {self._hop} makes no connection to {where}: {error.reason}",
                host=self._host,
                hint="check AllowTcpForwarding and PermitOpen in its sshd_config, and its authorized_keys",
            )
        return HostUnreachable(
            f"{where} can't be reached from jump host {self._hop}: {error.reason}",
            host=self._host,
            hint="check the address as the jump host sees it, that sshd runs there, and the port",
        )
