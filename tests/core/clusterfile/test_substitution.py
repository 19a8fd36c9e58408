"""References to environment variables in texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.clusterfile.substitution import escape, substitute
from tests.core.clusterfile.helpers import cluster, document, parse, problems_of

ENV = {"SET": "value", "EMPTY": "", "NESTED": "${SET}", "PORT": "2222"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${SET}", "value"),
        ("a${SET}b${SET}", "avaluebvalue"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${UNSET:-x y}", "x y"),
        ("${UNSET:-}", ""),
        ("${NESTED}", "${SET}"),
        ("$SET $ $5", "$SET $ $5"),
        ("$${SET}", "${SET}"),
        ("$$$${SET}", "$${SET}"),
        ("$$${SET}", "$value"),
    ],
)
def test_references_are_replaced(text: str, expected: str) -> None:
    assert substitute(text, ENV) == (expected, ())


@given(st.text(alphabet="$${}:-aA_ "))
def test_what_is_escaped_comes_back(text: str) -> None:
    assert substitute(escape(text), {}) == (text, ())


def test_values_can_be_numbers_and_are_not_read_as_yaml() -> None:
    spec = cluster("image: ${IMAGE}\nssh:\n  port: ${PORT}", {"PORT": "2222", "IMAGE": "a: [b"})
    assert (spec.ssh.port, spec.image) == (2222, "a: [b")
    text = document("image: a\n") + "---\napiVersion: v1\nkind: A\nn: ${N}\ns: '${N}'\n"
    (found,) = parse(text, {"N": "5"}).documents
    assert (found.data["n"], found.data["s"]) == (5, "5")


@pytest.mark.parametrize(
    ("spec", "line", "column"),
    [
        ("image: a${UNSET}", 5, 11),
        ("image: '${SET}${UNSET}'", 5, 17),
        ("cmd:\n- |\n  first ${SET}\n    second ${UNSET}", 8, 14),
        ("cmd: [a, '${UNSET}']", 5, 13),
        ("image: ${1}", 5, 10),
        ("image: ${UNSET", 5, 10),
        ("image: ${SET%x}", 5, 10),
    ],
)
def test_a_reference_without_value_is_an_error_at_its_place(spec: str, line: int, column: int) -> None:
    assert [found[:2] for found in problems_of(document(spec), ENV)] == [(line, column)]


def test_an_unset_variable_used_by_an_alias_is_told_once() -> None:
    text = document("image: a\n") + "---\napiVersion: v1\nkind: A\na: &a ${UNSET}\nb: *a\n"
    assert [message for _, _, message in problems_of(text)] == ["the environment variable UNSET is not set"]
