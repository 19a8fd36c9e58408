"""One SSH connection to a host: dialled, the host key judged, logged in, every failure explained."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence

import asyncssh

from sealer.errors import AuthenticationFailed, HostError, HostUnreachable
from sealer.hosts.dial import NameUnknown, dial
from sealer.hosts.host_keys import HostKeyGuard
from sealer.hosts.known_hosts import Known, Record, look_up, read_records, record_key
from sealer.hosts.settings import SshSettings
from sealer.hosts.ssh.client import LoginClient
from sealer.hosts.ssh.keys import KeyRing
from sealer.hosts.ssh.tunnel import Tunnel

# The fastest that the host has: AES-GCM runs in hardware and needs no separate MAC.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)

# What asyncssh offers, less SHA-1 and what only one maker's servers ever had.
_KEY_EXCHANGES = "-*-sha1,rsa2048*,*@ssh.com"
_MACS = "-hmac-sha1*,umac-64*,*@ssh.com"
_SIGNATURES = "-ssh-rsa,*@ssh.com"

KEEPALIVE_SECONDS = 15
KEEPALIVE_COUNT = 4
"""A host that has not answered for 15 × 4 seconds is given up."""

LOGIN_SECONDS = 60.0
"""How long a login may take once the host accepted the TCP connection; slow name servers delay it."""

_FIRST_PAUSE = 0.5

_PublicKeys = list[asyncssh.SSHKey]

OpenTunnel = Callable[[], Awaitable[Tunnel | None]]
"""Returns the way to a host, or None when it is dialled from here; raises a HostError when there is none."""


async def open_link(
    host: str, address: str, settings: SshSettings, keys: KeyRing, open_tunnel: OpenTunnel
) -> asyncssh.SSHClientConnection:
    """Log in to a host, trying again while it refuses or does not answer.

    A way to it that can't be opened is not tried again: whoever opens it has done so.

    Raises:
        HostUnreachable: It can't be reached.
        HostKeyRejected: It shows a key that is unknown, changed, revoked, or not the pinned one.
        AuthenticationFailed: It accepts none of the credentials.
        HostError: It speaks no SSH, or none that we speak.
    """
    pause = _FIRST_PAUSE
    for attempt in range(1, settings.attempts + 1):
        tunnel = await open_tunnel()
        try:
            return await _try_link(host, address, settings, keys, tunnel)
        except NameUnknown:
            raise
        except HostUnreachable:
            if attempt == settings.attempts:
                raise
        await asyncio.sleep(pause)
        pause *= 2
    raise ValueError("attempts must be at least 1")


async def _try_link(
    host: str, address: str, settings: SshSettings, keys: KeyRing, tunnel: Tunnel | None
) -> asyncssh.SSHClientConnection:
    connection = None
    if tunnel is None:
        connection = await dial(host, address, settings.port, seconds=settings.connect_timeout)
    try:
        # Behind a jump host it is that one which resolves the name, to an address that is not known here.
        ip_address = address if connection is None else connection.getpeername()[0]
        known = await _recorded(host, address, ip_address, settings)
        login = await keys.load(host, settings)
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    guard = HostKeyGuard(host, address, known, settings)
    client = LoginClient(guard, login.keys, settings.password)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            link = await asyncssh.connect(
                host=address,
                port=settings.port,
                sock=connection,
                tunnel=tunnel or (),
                username=settings.user,
                client_factory=lambda: client,
                known_hosts=_authorities(known, settings),
                server_host_key_algs=guard.algorithms(),
                kex_algs=_KEY_EXCHANGES,
                encryption_algs=CIPHERS,
                mac_algs=_MACS,
                signature_algs=_SIGNATURES,
                compression_algs=["none"],
                preferred_auth=["publickey", "password", "keyboard-interactive"],
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=KEEPALIVE_COUNT,
                login_timeout=LOGIN_SECONDS,
                # Nothing of the operator's own SSH set-up is used but what the settings name.
                config=None,
                client_keys=None,
                agent_path=None,
                gss_host=None,
                x509_trusted_certs=None,
            )
    except (asyncssh.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise _explain(error, host, settings, guard, client) from error
    finally:
        login.close()
    try:
        await _record(host, address, settings, guard)
    except BaseException:
        link.abort()
        raise
    return link


async def _recorded(host: str, address: str, ip_address: str, settings: SshSettings) -> Known:
    """Return what the known_hosts files say of a host.

    Raises:
        HostError: A file can't be read; to go on without it would be less safe than the user meant.
    """
    files = (settings.known_hosts.expanduser(), settings.recorded_hosts.expanduser())
    try:
        records = await asyncio.to_thread(read_records, files)
    except OSError as error:
        raise HostError(
            f"{error.filename} can't be read: {error.strerror}",
            host=host,
            hint="make it readable: host keys are compared with what stands there",
        ) from error
    return look_up(records, address, ip_address, settings.port)


def _authorities(known: Known, settings: SshSettings) -> tuple[_PublicKeys, _PublicKeys, _PublicKeys]:
    """Return what asyncssh itself shall trust: authorities that sign keys; keys are judged by the guard."""
    authorities = () if settings.fingerprints else known.authorities
    return [], _public_keys(authorities), _public_keys(known.revoked)


def _public_keys(records: Sequence[Record]) -> _PublicKeys:
    keys = []
    for record in records:
        text = f"{record.key.type} {base64.b64encode(record.key.blob).decode()}"
        try:
            keys.append(asyncssh.import_public_key(text))
        except asyncssh.KeyImportError:
            continue
    return keys


async def _record(host: str, address: str, settings: SshSettings, guard: HostKeyGuard) -> None:
    """Write down a host key that was accepted as new.

    Raises:
        HostKeyRejected: Another process recorded another key meanwhile.
        HostError: It can't be written down.
    """
    if guard.new is None:
        return
    file = settings.recorded_hosts.expanduser()
    try:
        known = await asyncio.to_thread(record_key, file, address, settings.port, guard.new)
    except OSError as error:
        raise HostError(
            f"the host key can't be recorded in {file}: {error.strerror}",
            host=host,
            hint="mend the permissions there, or free space; the host key is asked for again next time",
        ) from error
    if not known.trusts(guard.new):
        raise guard.changed(guard.new, known)


def _explain(
    error: Exception, host: str, settings: SshSettings, guard: HostKeyGuard, client: LoginClient
) -> HostError:
    """Return our error for what went wrong during a handshake."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return guard.error or guard.refuse(
            f"the host key can't be verified: {error.reason}",
            hint="check the @cert-authority and @revoked lines of known_hosts, and the host's certificate",
        )
    too_many = isinstance(error, asyncssh.DisconnectError) and "authentication failures" in error.reason
    if isinstance(error, asyncssh.PermissionDenied) or too_many:
        return _login_failed(host, settings, client)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return HostError(
            f"the host speaks no SSH that is safe enough: {error.reason}",
            host=host,
            hint="update its sshd; algorithms that rest on SHA-1 or DSA are not used",
        )
    if isinstance(error, asyncssh.ConnectionLost | OSError):
        text = str(error) or "no answer in time"
        return HostUnreachable(
            f"the connection was lost during the login: {text}",
            host=host,
            hint="sshd may be starting, limit new connections (MaxStartups), or know only old algorithms",
        )
    reason = error.reason if isinstance(error, asyncssh.DisconnectError) else str(error)
    return HostError(f"port {settings.port} gives no SSH connection: {reason}", host=host)


def _login_failed(host: str, settings: SshSettings, client: LoginClient) -> AuthenticationFailed:
    offered = ", ".join(client.offered) or "no method that can be used"
    if client.tried:
        what = f"tried {', '.join(dict.fromkeys(client.tried))}"
    else:
        what = "there was nothing to try: no key, no agent, no password"
    return AuthenticationFailed(
        f"login as {settings.user} was refused; {what}",
        host=host,
        hint=f"the host accepts: {offered}; check user, key and password",
    )
