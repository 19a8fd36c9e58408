"""Texts that skopeo 1.9 and registries really print, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.errors import TransportError, VerificationError
from sealer.image.complaints import transport_error

PING = 'pinging container registry r.io: Get "https://r.io/v2/": '
BLOB = "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            PING + "x509: certificate signed by unknown authority (possibly because of ...)",
            "the certificate of r.io is signed by an unknown authority",
            "put the authority's certificate into /home/certs.d/r.io/ca.crt, or pass --skip-tls-verify",
        ),
        (
            PING + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
            "the certificate of r.io is not valid: certificate has expired or is not yet valid",
            "renew the registry's certificate",
        ),
        (
            PING + "x509: certificate is valid for 127.0.0.1, not r.io",
            "the certificate of r.io is not valid: certificate is valid for 127.0.0.1, not r.io",
            "--skip-tls-verify",
        ),
        (
            PING + "http: server gave HTTP response to HTTPS client",
            "r.io does not speak TLS",
            "--skip-tls-verify",
        ),
        (
            "reading manifest 1 in r.io/a: unauthorized: authentication required",
            "r.io refuses access",
            "`sealer login r.io`",
        ),
        (
            "reading manifest 1 in r.io/a: errors:\ndenied: requested access to the resource is denied",
            "r.io refuses access",
            "`sealer login r.io`",
        ),
        (
            'logging into "r.io": invalid username/password',
            "r.io does not accept the user name",
            "check both",
        ),
        (
            "reading manifest 2 in r.io/a: manifest unknown: manifest unknown",
            "r.io has no such image",
            "the tag",
        ),
        (
            'reading manifest 2 in r.io/a: name unknown: The repository with name "a" does not exist',
            "r.io has no such image",
            "the name",
        ),
        (
            PING + "dial tcp 127.0.0.1:1: connect: connection refused",
            "r.io refuses connections: no registry listens there",
            "the port",
        ),
        (
            PING + "dial tcp: lookup r.io on 1.1.1.1:53: no such host",
            "the host name of r.io is unknown",
            "DNS",
        ),
        (PING + "dial tcp 10.0.0.1:443: i/o timeout", "r.io can't be reached: i/o timeout", "the network"),
        (
            "reading manifest 1 in r.io/a: toomanyrequests: You have reached your pull rate limit",
            "r.io limits how much may be pulled",
            "wait",
        ),
        (
            "writing blob: storing blob to file: happened during read: unexpected EOF",
            "the connection to r.io broke: unexpected EOF",
            "what arrived is kept",
        ),
        ("writing blob: write /x: no space left on device", "the disk is full", "sealer prune"),
    ],
)
def test_a_complaint_becomes_a_message_with_a_hint(said: str, message: str, hint: str) -> None:
    error = transport_error(
        said, subject="r.io/a:1", domain="r.io", authority=Path("/home/certs.d/r.io/ca.crt")
    )
    assert isinstance(error, TransportError)
    assert error.message.startswith(message)
    assert hint in (error.hint or "")
    assert error.place == "r.io/a:1"


def test_content_with_another_digest_fails_verification() -> None:
    said = f"writing blob: happened during read: Digest did not match, expected {BLOB}, got sha256:{'2' * 64}"
    error = transport_error(said, subject="r.io/a:1", domain="r.io", authority=Path("/ca.crt"))
    assert isinstance(error, VerificationError)
    assert error.exit_code == 4
    assert BLOB in error.message


def test_what_nobody_foresaw_is_passed_on_in_full() -> None:
    said = "something {strange} happened"
    error = transport_error(said, subject="r.io/a:1", domain="", authority=Path("/ca.crt"))
    assert error.message == f"skopeo failed: {said}"
