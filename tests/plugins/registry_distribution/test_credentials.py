"""The keys, certificates and password of a registry."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtensionOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealer_registry_distribution.credentials import Credentials, issue_credentials

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return issue_credentials(
        username="sealer", domains=("sea.hub",), addresses=("10.0.0.1", "fd00::1"), now=NOW
    )


def verifier(credentials: Credentials, subject: x509.DNSName | x509.IPAddress, at: datetime) -> None:
    """Verify the server's certificate as a client would."""
    store = Store([x509.load_pem_x509_certificate(credentials.authority.encode())])
    policy = PolicyBuilder().store(store).time(at).build_server_verifier(subject)
    policy.verify(x509.load_pem_x509_certificate(credentials.certificate.encode()), [])


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1"])
def test_clients_trust_it_by_its_domain_and_addresses(credentials: Credentials, address: str) -> None:
    verifier(credentials, x509.DNSName("sea.hub"), NOW)
    verifier(credentials, x509.IPAddress(ip_address(address)), NOW)


def test_clients_do_not_trust_it_by_another_name(credentials: Credentials) -> None:
    with pytest.raises(VerificationError):
        verifier(credentials, x509.DNSName("hub.example"), NOW)


def test_a_clock_that_is_a_little_behind_does_no_harm(credentials: Credentials) -> None:
    verifier(credentials, x509.DNSName("sea.hub"), NOW - timedelta(minutes=50))


def test_the_servers_certificate_ends_before_the_authority(credentials: Credentials) -> None:
    verifier(credentials, x509.DNSName("sea.hub"), NOW + timedelta(days=729))
    with pytest.raises(VerificationError):
        verifier(credentials, x509.DNSName("sea.hub"), NOW + timedelta(days=731))
    authority = x509.load_pem_x509_certificate(credentials.authority.encode())
    assert authority.not_valid_after_utc - NOW > timedelta(days=3600)


def test_the_authority_can_sign_servers_but_no_further_authority(credentials: Credentials) -> None:
    authority = x509.load_pem_x509_certificate(credentials.authority.encode())
    constraints = authority.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value
    assert constraints == x509.BasicConstraints(ca=True, path_length=0)


def test_keys_belong_to_their_certificates(credentials: Credentials) -> None:
    pairs = [
        (credentials.authority, credentials.authority_key),
        (credentials.certificate, credentials.key),
    ]
    for certificate, key in pairs:
        public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        assert load_pem_private_key(key.encode(), None).public_key() == public


def test_the_password_opens_the_hash_and_the_basic_text(credentials: Credentials) -> None:
    user, _, hashed = credentials.htpasswd.strip().partition(":")
    assert user == "sealer"
    assert bcrypt.checkpw(credentials.password.encode(), hashed.encode())
    assert base64.b64decode(credentials.basic).decode() == f"sealer:{credentials.password}"


def test_no_two_are_alike_and_none_shows_itself(credentials: Credentials) -> None:
    other = issue_credentials(username="sealer", domains=("sea.hub",), addresses=("10.0.0.1",), now=NOW)
    assert other.password != credentials.password
    assert other.key != credentials.key
    assert credentials.password not in repr(credentials)
