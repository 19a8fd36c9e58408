"""The keys, certificates and password of one registry, made while planning and kept on its host alone."""

from __future__ import annotations

import base64
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=730)
_CLOCK_MARGIN = timedelta(hours=1)
"""How far a host's clock may be behind without finding the certificates not valid yet."""

# The password has 256 random bits: a costly hash would add nothing, and the registry computes it anew for
# every request. 4 is the lowest cost that bcrypt allows.
_BCRYPT_COST = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """What a registry serves TLS and checks passwords with; all PEM texts are unencrypted.

    Attributes:
        authority: The certificate that hosts verify the registry by.
        authority_key: The key that signed ``certificate``, kept to renew it.
        certificate: The registry's own.
        key: The registry's own.
        password: Of the account hosts pull with.
        basic: ``username:password`` in base64.
        htpasswd: The line of the registry's password file.
        upload_secret: Signs the state of uploads, so that one outlives a restart of the registry.
    """

    authority: str
    authority_key: str
    certificate: str
    key: str
    password: str
    basic: str
    htpasswd: str
    upload_secret: str


def issue_credentials(
    *, username: str, domains: Sequence[str], addresses: Sequence[str], now: datetime
) -> Credentials:
    """Make new keys, certificates for the domains and the addresses, and a random password."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, domains[0], now)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(domain) for domain in domains]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in addresses]
    certificate = _server(key, names, authority, authority_key, now)
    password = secrets.token_urlsafe(32)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode()
    return Credentials(
        authority=_certificate_pem(authority),
        authority_key=_key_pem(authority_key),
        certificate=_certificate_pem(certificate),
        key=_key_pem(key),
        password=password,
        basic=base64.b64encode(f"{username}:{password}".encode()).decode(),
        htpasswd=f"{username}:{hashed}\n",
        upload_secret=secrets.token_urlsafe(32),
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: ec.EllipticCurvePrivateKey, domain: str, now: datetime) -> x509.Certificate:
    name = _name(f"{domain} certificate authority")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_MARGIN)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[x509.GeneralName],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(str(names[0].value)))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_MARGIN)
        .not_valid_after(now + SERVER_LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
