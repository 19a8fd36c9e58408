"""Addresses, ranges and endpoints."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.clusterfile.addresses import Endpoint, IPAddress, expand, expand_endpoints


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("192.0.2.254-192.0.3.1", ("192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1")),
        ("192.0.2.1 - 192.0.2.2", ("192.0.2.1", "192.0.2.2")),
        ("2001:DB8::0:1", ("2001:db8::1",)),
        ("2001:db8::ffff-2001:db8::1:0", ("2001:db8::ffff", "2001:db8::1:0")),
        ("node-1", ("node-1",)),
        ("Node-1.Example.org", ("node-1.example.org",)),
        ("fe-de-ad", ("fe-de-ad",)),
    ],
)
def test_addresses(text: str, expected: tuple[str, ...]) -> None:
    assert expand(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "192.0.2",
        "192.0.2.256",
        "192.0.02.1",
        "192.0.2.1-10",
        "192.0.2.1-192.0.2.300",
        "192.0.2.2-192.0.2.1",
        "192.0.2.1-2001:db8::1",
        "10.0.0.0-10.255.255.255",
        "0.0.0.0",
        "ff02::1",
        "fe80::1%eth0",
        "fe80::1",
        "-a",
        "a_b",
        "a b",
        "192.0.2.1/24",
        "x" * 64,
        ".".join(["x" * 60] * 5),
        "node.1",
        "a\n",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        expand(text)


@given(
    st.ip_addresses(network="10.0.0.0/9") | st.ip_addresses(network="2001:db8::/33"),
    st.integers(min_value=0, max_value=50),
)
def test_a_range_holds_all_addresses_from_end_to_end(first: IPAddress, more: int) -> None:
    addresses = [ipaddress.ip_address(address) for address in expand(f"{first}-{first + more}")]
    assert addresses == [first + number for number in range(more + 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1:2222", [("192.0.2.1", 2222)]),
        ("192.0.2.1-192.0.2.2:2222", [("192.0.2.1", 2222), ("192.0.2.2", 2222)]),
        ("node:22", [("node", 22)]),
        ("2001:db8::1:22", [("2001:db8::1:22", None)]),
        ("[2001:db8::1]:22", [("2001:db8::1", 22)]),
        ("[2001:db8::1]", [("2001:db8::1", None)]),
        ("[2001:db8::1-2001:db8::2]:22", [("2001:db8::1", 22), ("2001:db8::2", 22)]),
    ],
)
def test_endpoints(text: str, expected: list[tuple[str, int | None]]) -> None:
    assert list(expand_endpoints(text)) == [Endpoint(address=a, port=p) for a, p in expected]


@pytest.mark.parametrize("text", ["a:0", "a:65536", "a:99999999999", "[a", "[]:22", "a:", ":22", "a:b"])
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        expand_endpoints(text)
