"""Certificates on hosts: what is read of files, and what is not."""

from __future__ import annotations

import base64
import ipaddress
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sealer.cluster.certificates import Certificate, listing_script, read_listing, to_plain, with_names
from sealer.cluster.request import Request
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from tests.shells import every_shell

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


def issued(name: str, *, days: int = 365, authority: bool = False) -> tuple[bytes, bytes]:
    """Return a certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(form), private


def listed(shell: tuple[str, ...], *patterns: str) -> tuple[str, list[Certificate]]:
    done = subprocess.run(shell, input=listing_script(patterns), capture_output=True, text=True, check=True)
    return done.stdout, list(read_listing("n1", done.stdout))


@every_shell
def test_certificates_are_found_in_files_and_kubeconfigs_and_keys_stay_there(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    place = tmp_path / "a b'c"
    place.mkdir()
    certificate, key = issued("server", days=10)
    (place / "server.crt").write_bytes(certificate)
    (place / "both.pem").write_bytes(key + certificate)
    data = base64.b64encode(certificate).decode()
    (place / "admin.conf").write_text(
        f"users:\n- user:\n    client-certificate-data: {data}\n    client-key-data: THE-KEY\n"
    )
    (place / "cut.crt").write_bytes(certificate.rstrip(b"\n"))
    (place / "nothing.crt").write_text("text\n")
    (place / "secret.json").write_text(f'{{"data":{{"tls.crt":"{data}","tls.key":"THE-KEY"}}}}\n')
    text, found = listed(
        shell, *(f"{place}/{name}" for name in ("*.crt", "both.pem", "admin.conf", "*.json", "missing"))
    )
    names = sorted(Path(one.file).name for one in found)
    assert names == ["admin.conf", "both.pem", "cut.crt", "secret.json", "server.crt"]
    assert "THE-KEY" not in text  # no certificate has a dash within
    assert "PRIVATE" not in text
    for one in found:
        assert one.subject == "CN=server"
        assert one.names == ("server", "10.0.0.1")
        assert (one.begins, one.ends) == (BEGIN, BEGIN + timedelta(days=10))
        assert not one.authority


def test_an_authority_is_told_from_what_it_signs(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(issued("ca", authority=True)[0])
    _, (found,) = listed(("sh",), f"{tmp_path}/ca.crt")
    assert found.authority


def test_the_days_that_are_left_are_counted_also_below_zero(tmp_path: Path) -> None:
    (tmp_path / "x.crt").write_bytes(issued("x", days=10)[0])
    _, (found,) = listed(("sh",), f"{tmp_path}/x.crt")
    assert to_plain(found, BEGIN + timedelta(days=3))["days"] == 7
    assert to_plain(found, BEGIN + timedelta(days=12))["days"] == -2


@pytest.mark.parametrize(
    "text", ["", "file /x\nnonsense\n", "file /x\ndata %%%\n", "noise\nfile /x\ndata aGVsbG8=\n"]
)
def test_what_can_not_be_read_is_passed_over(text: str) -> None:
    assert list(read_listing("n1", text)) == []


def test_names_are_added_to_those_that_are_there() -> None:
    spec = cluster_from_flags("192.0.2.1", env=("CertSANs=a.example",))
    request = Request.of_hosts(Clusterfile(cluster=spec))
    assert with_names(request, ()) is request
    assert with_names(request, ("a.example",)) is request
    after = with_names(request, ("b.example", "192.0.2.9"))
    assert after.clusterfile.cluster.env["CertSANs"] == "a.example,b.example,192.0.2.9"
