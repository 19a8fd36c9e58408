"""How registries are reached: credentials, certificates of private authorities, TLS checked or not."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from sealer.errors import SealerError
from sealer.image.reference import DEFAULT_DOMAIN
from sealer.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who may use a registry."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What is needed to talk to registries.

    ``auth.json`` in the home directory holds the credentials, in the format that docker and podman share.
    ``certs.d/<host:port>/`` holds the certificates of a registry: ``*.crt`` of authorities to trust beside
    those of the system, ``*.cert`` with ``*.key`` to show as a client. ``registries.conf``, if it is there,
    says which mirrors registries have, in place of the machine's own (containers-registries.conf(5)).

    Attributes:
        home: Sealer's home directory.
        skip_tls_verify: Whether to accept any certificate, and plain HTTP.
        authfile: A file with other credentials than those of the home directory, or None.
    """

    home: Path
    skip_tls_verify: bool = False
    authfile: Path | None = None

    @property
    def credentials(self) -> Path:
        """The file with the credentials; it need not exist."""
        return self.authfile or self.home / "auth.json"

    @property
    def registries(self) -> tuple[str, ...]:
        """Skopeo's flag for a configuration of registries and their mirrors, when there is an own one."""
        own = self.home / "registries.conf"
        return (f"--registries-conf={own}",) if own.is_file() else ()

    def login(self, domain: str) -> Login | None:
        """Return the credentials for a registry, or None when there are none.

        Raises:
            SealerError: The file with the credentials can't be read.
        """
        try:
            document = json.loads(self.credentials.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise SealerError(
                "the file with credentials can't be read", place=str(self.credentials)
            ) from error
        try:
            entry = document["auths"][domain]["auth"]
            username, colon, password = base64.b64decode(entry).decode().partition(":")
        except (TypeError, KeyError, ValueError):
            return None
        return Login(username=username, password=Secret(password)) if colon else None

    def certificates(self, domain: str) -> Path:
        """Return the directory with the certificates of a registry; it need not exist."""
        return self.home / "certs.d" / domain

    def flags(self, domain: str, side: str = "") -> tuple[str, ...]:
        """Return skopeo's flags for a registry.

        Args:
            domain: Its host name and port.
            side: ``src-`` or ``dest-`` for copies, else "".
        """
        flags = [f"--{side}authfile={self.credentials}"]
        # A flag would overrule what the own configuration says of single registries and mirrors.
        if self.skip_tls_verify or not self.registries:
            flags.append(f"--{side}tls-verify={str(not self.skip_tls_verify).lower()}")
        directory = self.certificates(domain)
        if directory.is_dir():
            flags.append(f"--{side}cert-dir={directory}")
        return tuple(flags)


def registry_domain(text: str) -> str:
    """Return what a person calls a registry in the form that names use: no scheme, path or final slash."""
    domain = text.removeprefix("https://").removeprefix("http://").split("/", 1)[0]
    return DEFAULT_DOMAIN if domain in {"index.docker.io", "registry-1.docker.io"} else domain
