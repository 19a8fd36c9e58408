"""What asyncssh asks while it logs in: is this the right host, and what do we have to show."""

from __future__ import annotations

from collections.abc import Sequence

import asyncssh

from sealer.hosts.host_keys import HostKeyGuard
from sealer.hosts.known_hosts import HostKey
from sealer.hosts.ssh.keys import LoginKey
from sealer.secret import Secret


class LoginClient(asyncssh.SSHClient):
    """Answers the questions of one login and remembers what was asked and tried.

    Attributes:
        tried: What was shown to the host, for people.
        offered: The methods that the host asked for.
    """

    def __init__(self, guard: HostKeyGuard, keys: tuple[LoginKey, ...], password: Secret | None) -> None:
        self._guard = guard
        self._keys = list(keys)
        self._password = password
        self.tried: list[str] = []
        self.offered: list[str] = []

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Let the guard judge the host's key."""
        return self._guard.accepts(HostKey(type=key.get_algorithm(), blob=key.public_data))

    def public_key_auth_requested(self) -> list[asyncssh.SSHKeyPair] | None:
        """Show the next key."""
        self._note("publickey")
        if not self._keys:
            return None
        key = self._keys.pop(0)
        self.tried.append(key.label)
        return [key.pair]

    def password_auth_requested(self) -> str | None:
        """Show the password, once."""
        self._note("password")
        return self._take_password()

    def kbdint_auth_requested(self) -> str | None:
        """Agree to be asked questions if there is a password left to answer with."""
        self._note("keyboard-interactive")
        return None if self._password is None else ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answer a single hidden question with the password; notices without a question are taken note of."""
        if not prompts:
            return []
        if len(prompts) != 1 or prompts[0][1]:
            return None
        password = self._take_password()
        return None if password is None else [password]

    def _take_password(self) -> str | None:
        if self._password is None:
            return None
        password, self._password = self._password.reveal(), None
        self.tried.append("the password")
        return password

    def _note(self, method: str) -> None:
        if method not in self.offered:
            self.offered.append(method)
