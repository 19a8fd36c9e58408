"""The private keys to log in with: from a file, from the agent, from the usual places."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from sealer.errors import AuthenticationFailed
from sealer.hosts.settings import SshSettings
from sealer.secret import Secret

DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
"""File names below ``~/.ssh`` that are tried when no key is named, in this order."""

_ENCRYPTED = "Passphrase must be specified"  # how asyncssh begins to say so


_KeyFile = tuple[asyncssh.SSHKey, bytes | None]
"""A private key, and the text of the certificate beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginKey:
    """A key to offer, and what messages call it."""

    label: str
    pair: asyncssh.SSHKeyPair


class LoginKeys:
    """Keys to offer one after the other. Those of the agent work as long as it is open."""

    def __init__(self, keys: tuple[LoginKey, ...], agent: asyncssh.SSHAgentClient | None) -> None:
        self.keys = keys
        self._agent = agent

    def close(self) -> None:
        """Let go of the agent."""
        if self._agent is not None:
            self._agent.close()


class KeyRing:
    """Reads each key file once, however many hosts it is for: to decrypt one takes a while on purpose."""

    def __init__(self) -> None:
        self._files: dict[tuple[Path, Secret | None], asyncio.Future[_KeyFile]] = {}

    async def load(self, host: str, settings: SshSettings) -> LoginKeys:
        """Return the keys for a host: the named one alone, or those of the agent and then the usual files.

        With ``identities_only`` there is none but the named one. A named key that needs a passphrase which
        isn't given is looked for in the agent.

        Raises:
            AuthenticationFailed: The named key can't be used.
        """
        agent, agent_keys = await _agent_keys() if settings.agent else (None, ())
        try:
            if settings.private_key is not None:
                keys = await self._named(host, settings.private_key, settings.passphrase, agent_keys)
            elif settings.identities_only:
                keys = ()
            else:
                keys = (*agent_keys, *await self._usual(settings.passphrase))
        except BaseException:
            if agent is not None:
                agent.close()
            raise
        return LoginKeys(keys, agent)

    async def _named(
        self, host: str, path: Path, passphrase: Secret | None, agent_keys: tuple[LoginKey, ...]
    ) -> tuple[LoginKey, ...]:
        try:
            return await self._from_file(path, passphrase)
        except OSError as error:
            raise AuthenticationFailed(
                f"the key {path} can't be read: {error.strerror}", host=host, hint="name another key file"
            ) from error
        except asyncssh.KeyEncryptionError as error:
            raise AuthenticationFailed(
                f"the passphrase does not open the key {path}", host=host, hint="give the key's passphrase"
            ) from error
        except asyncssh.KeyImportError as error:
            if not str(error).startswith(_ENCRYPTED):
                raise AuthenticationFailed(
                    f"{path} is no private key that can be used: {error}",
                    host=host,
                    hint="name the private key and not its public half, in a format of ssh-keygen",
                ) from error
            public = await asyncio.to_thread(_public_part, path)
            held = tuple(key for key in agent_keys if key.pair.key_public_data == public)
            if held:
                return held
            raise AuthenticationFailed(
                f"the key {path} needs a passphrase",
                host=host,
                hint=f"give its passphrase, or add it to the agent with: ssh-add {path}",
            ) from error

    async def _usual(self, passphrase: Secret | None) -> tuple[LoginKey, ...]:
        """Return what can be used of the usual files; the user named none of them, so no one is missed."""
        keys: list[LoginKey] = []
        for name in DEFAULT_KEYS:
            try:
                keys += await self._from_file(Path.home() / ".ssh" / name, passphrase)
            except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
                continue
        return tuple(keys)

    async def _from_file(self, path: Path, passphrase: Secret | None) -> tuple[LoginKey, ...]:
        place = (path, passphrase)
        if place not in self._files:
            self._files[place] = asyncio.ensure_future(asyncio.to_thread(_read, path, passphrase))
        key, certificate = await asyncio.shield(self._files[place])
        # A pair carries the state of one login, so each login gets its own.
        pairs = asyncssh.load_keypairs([(key, certificate)] if certificate else [key])
        return tuple(LoginKey(label=f"key {path}", pair=pair) for pair in pairs)


async def _agent_keys() -> tuple[asyncssh.SSHAgentClient | None, tuple[LoginKey, ...]]:
    """Return the agent and its keys; without an agent, or with one that does not answer, nothing."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        return None, ()
    try:
        agent = await asyncssh.connect_agent()
    except OSError:
        return None, ()
    try:
        pairs = await agent.get_keys()
    except (OSError, ValueError):
        agent.close()
        return None, ()
    return agent, tuple(LoginKey(label=f"agent key {_comment(pair)}", pair=pair) for pair in pairs)


def _comment(pair: asyncssh.SSHKeyPair) -> str:
    return pair.get_comment(errors="replace") or pair.get_algorithm()


def _read(path: Path, passphrase: Secret | None) -> _KeyFile:
    """Read a private key and the certificate beside it.

    Raises:
        OSError: The key can't be read.
        asyncssh.KeyImportError: It is no key, or needs a passphrase.
        asyncssh.KeyEncryptionError: The passphrase is wrong.
    """
    path = path.expanduser()
    key = asyncssh.import_private_key(path.read_bytes(), passphrase.reveal() if passphrase else None)
    beside = path.with_name(f"{path.name}-cert.pub")
    return key, beside.read_bytes() if beside.is_file() else None


def _public_part(path: Path) -> bytes | None:
    """Return the public key that belongs to an encrypted private key, from the file beside it."""
    path = path.expanduser()
    try:
        return asyncssh.read_public_key(path.with_name(f"{path.name}.pub")).public_data
    except (OSError, asyncssh.KeyImportError):
        return None
