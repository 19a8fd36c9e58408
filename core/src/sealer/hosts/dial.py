"""A TCP connection to a host, or a clear word on why there is none."""

from __future__ import annotations

import asyncio
import errno
import socket

from sealer.errors import HostUnreachable


class NameUnknown(HostUnreachable):
    """The host's name resolves to no address; trying again soon will not help."""


async def dial(host: str, address: str, port: int, *, seconds: float) -> socket.socket:
    """Connect to the first of a name's addresses that answers.

    Args:
        host: The host's name in messages.
        address: An IP address or a name.
        port: TCP port.
        seconds: How long each address has to answer.

    Raises:
        NameUnknown: The name has no address.
        HostUnreachable: No address accepts a connection.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise HostUnreachable(
                f"the name {address} can't be resolved now: {error.strerror}",
                host=host,
                hint="check the name servers of this machine",
            ) from error
        raise NameUnknown(
            f"the name {address} is not known",
            host=host,
            hint="check how it is spelled, or give an IP address",
        ) from error
    failure: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for family, kind, protocol, _, where in found:
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_connect(connection, where)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise _explain(failure, host, address, port, seconds) from failure


def _explain(error: OSError, host: str, address: str, port: int, seconds: float) -> HostUnreachable:
    where = f"{address} port {port}"
    if isinstance(error, ConnectionRefusedError):
        return HostUnreachable(
            f"{where} refuses connections",
            host=host,
            hint="check that sshd runs there, and that the port is right",
        )
    if isinstance(error, TimeoutError):
        return HostUnreachable(
            f"{where} did not answer within {seconds:g} seconds",
            host=host,
            hint="check that the host is up, and that no firewall drops the connection",
        )
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return HostUnreachable(
            f"there is no route to {address}",
            host=host,
            hint="check that the host is up, and the address and the network of this machine",
        )
    return HostUnreachable(f"{where} can't be reached: {error.strerror or error}", host=host)
