"""Planted secrets, in every form in which they come, and what must stay readable."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.cluster.redaction import json_without_secrets, plain_without_secrets, without_secrets

SECRET = "hunter2-X9y"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\nAAAA\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        f"password: {SECRET}",
        f'{{"password": "{SECRET}"}}',
        f'{{\\"password\\": \\"{SECRET}\\"}}',
        f"DB_PASSWORD={SECRET} start",
        f"export API_KEY='{SECRET} and more {SECRET}'",
        f"mysql.rootPassword = {SECRET}",
        f"--password {SECRET} --user x",
        f"--registry-token={SECRET}",
        f"token: {SECRET}",
        f"dbPass={SECRET}",
        f"passphrase = {SECRET}",
        f"  secret: |\n    {SECRET}\n    {SECRET}\n",
        f"tokens: [a, {SECRET}]",
        f"GET https://ann:{SECRET}@registry.example/v2/",
        f"Authorization: Bearer {SECRET}",
        f'"Authorization": "Basic {SECRET}"',
        f"before {KEY} after",
        f"client-key-data: {SECRET}",
        f"--certificate-key {SECRET}",
        f'"auth": "{SECRET}"',
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\ncut off",
    ],
)
def test_a_planted_secret_is_taken_out(text: str) -> None:
    assert SECRET not in without_secrets(text)
    assert SECRET not in json_without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "abcdef.0123456789abcdef",
        "$2y$05$" + "a" * 53,
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl",
        "K10" + "0" * 64 + "::server:deadbeef",
        base64.b64encode(KEY.encode()).decode(),
    ],
)
def test_what_can_only_be_a_secret_is_taken_out_wherever_it_stands(text: str) -> None:
    for around in ("%s", "x %s y", '"%s"', "join with %s\n", "data %s"):
        assert text not in without_secrets(around % text)


@pytest.mark.parametrize(
    "text",
    [
        "the kubelet was restarted 3 times",
        "image docker.io/library/coredns:1.7.0@sha256:" + "a" * 64,
        "node n1 is Ready: 10.0.0.1",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "https://10.0.0.1:6443/healthz",
        "authority: example",
        "passthrough.go:48] ccResolverWrapper",
        "passed: 3",
        "failed with status 1: no space left on device",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_certificate_in_base64_stays() -> None:
    text = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
    assert without_secrets(text) == text


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(_PLAIN, st.sampled_from(["password", "dbPass", "TOKEN", "api_key", "x.secret.y", "credentials"]))
def test_whatever_stands_under_a_secret_name_is_gone(value: object, name: str) -> None:
    data = {"outer": [{name: [value, SECRET]}]}
    found = json_without_secrets(json.dumps(data))
    assert SECRET not in found
    assert json.loads(found)["outer"][0][name] == "***"


@given(_PLAIN)
def test_data_stay_data(value: object) -> None:
    json.dumps(plain_without_secrets(value))


def test_lines_of_json_are_taken_one_by_one() -> None:
    text = json.dumps({"step": "a"}) + "\n" + json.dumps({"password": SECRET}) + "\ntorn {"
    assert json_without_secrets(text).splitlines() == ['{"step": "a"}', '{"password": "***"}', "torn {"]
