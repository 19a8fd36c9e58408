"""Whatever the bytes, a Clusterfile is read or refused with SourceErrors."""

from __future__ import annotations

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from sealer.clusterfile import decode, parse_clusterfile
from sealer.errors import SourceErrors
from tests.core.clusterfile.helpers import document

WORKING = document("""
    image: ${A:-b}
    ssh: {port: 22, passwdFrom: "env:A"}
    hosts:
    - {ips: [192.0.2.1-192.0.2.3], roles: [master], taints: ["a=b:NoSchedule"], labels: {a: b}}
    - &n {ips: ["2001:db8::1"], roles: [node], env: [A=1]}
""")
WORDS = [
    "apiVersion: sealer.io/v2",
    "kind: Cluster",
    "spec:",
    "hosts:",
    "ips:",
    "ssh:",
    "192.0.2.1",
    "1e9999",
]
MARKS = ["---", "...", "%YAML", "&a", "*a", "<<:", "!!str", "!x", "${", "${A}", "$$", *"{}[]&*<!|>'\"#,-?:~"]
BLANKS = ["\n", "  ", " ", "- ", ": ", "\t", "\0", "\x85", "\u2028", "\ud800", "\n- ", "\n  "]
pieces = st.sampled_from([*WORDS, *MARKS, *BLANKS])


def read(text: str) -> None:
    with contextlib.suppress(SourceErrors):
        parse_clusterfile(text, "Clusterfile", {"A": "a"})


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf\xff")
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(SourceErrors):
        read(decode(data, "Clusterfile"))


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    read(text)


@given(st.lists(pieces, max_size=60).map("".join))
@example("? [" * 5000)
@example("- " * 5000)
@example("!" * 2000 + "%FF")
@example('"' + "\\x00" * 1000)
def test_any_row_of_yaml_pieces(text: str) -> None:
    read(text)


@given(st.integers(0, len(WORKING)), st.integers(0, 20), pieces | st.text(max_size=5))
def test_any_damage_to_a_working_file(at: int, removed: int, put: str) -> None:
    damaged = WORKING[:at] + put + WORKING[at + removed :]
    with contextlib.suppress(SourceErrors):
        parse_clusterfile(damaged, "Clusterfile", {})
