"""Turns what skopeo and registries say into errors that tell a person what is wrong and what to do."""

from __future__ import annotations

import re
from pathlib import Path

from sealer.errors import TransportError, VerificationError

# What skopeo and the registries say; the first pattern that is found counts.
_TRANSLATIONS = (
    (
        r"x509: certificate signed by unknown authority",
        "the certificate of {registry} is signed by an unknown authority",
        "put the authority's certificate into {authority}, or pass --skip-tls-verify to trust any",
    ),
    (
        r"x509: (?P<reason>[^\"]+)",
        "the certificate of {registry} is not valid: {reason}",
        "renew the registry's certificate, or pass --skip-tls-verify to do without checking it",
    ),
    (
        r"server gave HTTP response to HTTPS client",
        "{registry} does not speak TLS",
        "pass --skip-tls-verify if the network between here and there can be trusted",
    ),
    (
        r"invalid username/password",
        "{registry} does not accept the user name and password",
        "check both; some registries want a token in place of the password",
    ),
    (
        r"unauthorized|authentication required|denied|invalid status code from registry 40[13]",
        "{registry} refuses access",
        "log in with `sealer login {registry}`; the account needs the right to this repository",
    ),
    (
        r"manifest unknown|name unknown|repository name not known|invalid status code from registry 404",
        "{registry} has no such image",
        "check the name and the tag",
    ),
    (
        r"connection refused",
        "{registry} refuses connections: no registry listens there",
        "check the name and the port",
    ),
    (r"no such host", "the host name of {registry} is unknown", "check the name, and this machine's DNS"),
    (
        r"(?P<reason>i/o timeout|Client\.Timeout|handshake timeout|network is unreachable|no route to host)",
        "{registry} can't be reached: {reason}",
        "check the network and the proxy settings of this machine",
    ),
    (
        r"toomanyrequests|Too Many Requests|too many requests",
        "{registry} limits how much may be pulled, and the limit is reached",
        "wait, or log in with `sealer login {registry}`",
    ),
    (
        r"(?:status code from registry|HTTP status:?) (?P<reason>5\d\d[^,:;\"]*)",
        "{registry} has trouble: it answers {reason}",
        "try again later: what arrived is kept",
    ),
    (
        r"(?P<reason>unexpected EOF|connection reset by peer|broken pipe)",
        "the connection to {registry} broke: {reason}",
        "try again: what arrived is kept",
    ),
    (
        r"no space left on device",
        "the disk is full",
        "free some space; `sealer prune` removes what is unused",
    ),
)

_MAY_PASS = re.compile(r"(?:status code from registry|HTTP status:?) 50[0234]\b")
_OTHER_CONTENT = re.compile(r"Digest did not match, expected (?P<digest>sha256:[0-9a-f]{64})")


def may_pass(said: str) -> bool:
    """Tell whether skopeo failed because a registry, or what stands before it, could not answer just then."""
    return _MAY_PASS.search(said) is not None


def transport_error(
    said: str, *, subject: str, domain: str, authority: Path
) -> TransportError | VerificationError:
    """Return the error for what skopeo said at its end.

    Args:
        said: Its words.
        subject: The image or registry that it was about.
        domain: The registry, or "" when there is none.
        authority: Where a certificate of an authority would be found.
    """
    registry = domain or "the registry"
    place = subject if subject != domain else None
    damaged = _OTHER_CONTENT.search(said)
    if damaged is not None:
        return VerificationError(
            f"what {registry} sent as blob {damaged['digest']} has another digest",
            place=place,
            hint="try again; if it stays so, the blob is damaged in the registry and has to be pushed again",
        )
    for pattern, message, hint in _TRANSLATIONS:
        match = re.search(pattern, said)
        if match is not None:
            values = {"registry": registry, "authority": str(authority), **match.groupdict()}
            return TransportError(message.format_map(values), place=place, hint=hint.format_map(values))
    return TransportError(f"skopeo failed: {said}", place=place)
