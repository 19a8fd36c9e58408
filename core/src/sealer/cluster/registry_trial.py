"""Asks a registry outside of the cluster whether it can be used from here."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import httpx

from sealer.errors import TransportError
from sealer.image.access import Access
from sealer.image.transport import Transport
from sealer.secret import Secret

_SECONDS = 20.0


async def try_login(netloc: str, authority: str | None, user: str, password: Secret) -> None:
    """Try credentials, and keep them nowhere.

    Args:
        netloc: The registry.
        authority: The PEM text it is verified by, or None for what this machine trusts anyway.
        user: Who logs in.
        password: Of that user.

    Raises:
        TransportError: The registry does not answer, or refuses them.
    """
    with tempfile.TemporaryDirectory(prefix="sealer-login-") as directory:
        home = Path(directory)
        if authority is not None:
            certificates = Access(home=home).certificates(netloc)
            certificates.mkdir(parents=True)
            (certificates / "ca.crt").write_text(authority, encoding="utf-8")
        await Transport(home).login(netloc, user, password.reveal())


async def require_answer(netloc: str, authority: str | None) -> None:
    """See that a registry answers those who have no credentials.

    Raises:
        TransportError: It does not, or asks for some.
    """
    try:
        context = ssl.create_default_context(cadata=authority)
        async with httpx.AsyncClient(verify=context, timeout=_SECONDS) as client:
            answer = await client.get(f"https://{netloc}/v2/")
    except (httpx.HTTPError, OSError) as error:
        raise TransportError(f"the registry {netloc} does not answer: {error}") from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise TransportError(
            f"the registry {netloc} asks for credentials, and there are none", hint=f"sealer login {netloc}"
        )
    if answer.status_code != httpx.codes.OK:
        raise TransportError(f"the registry {netloc} answers with {answer.status_code}")
