"""Telling documents apart, and reading those that are not Sealer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.clusterfile import parse_clusterfile, read_clusterfile
from sealer.errors import SourceErrors, UsageError
from tests.core.clusterfile.helpers import document, errors_of, hints_of, parse, problems_of

CLUSTER = document("image: a\n")


def test_documents_of_others_are_kept_as_plain_data() -> None:
    text = CLUSTER + (
        "---\n# nothing here\n---\n"
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
        "maxPods: 200\nmode: 0644\nhex: 0x1F\nratio: 1e3\nsmall: -.5\non: yes\noff: no\nnone: ~\n"
        "text: '1'\nlong: 123456789012345678901234567890\ndate: 2024-01-02\ntime: 12:30\n"
        "list: [a, {b: c}]\n1: x\n"
    )
    (found,) = parse(text).documents
    assert (found.api_version, found.kind) == ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration")
    assert dict(found.data) == {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "maxPods": 200,
        "mode": 0o644,
        "hex": 31,
        "ratio": 1000.0,
        "small": -0.5,
        "on": True,
        "off": False,
        "none": None,
        "text": "1",
        "long": 1.2345678901234568e29,
        "date": "2024-01-02",
        "time": "12:30",
        "list": ["a", {"b": "c"}],
        "1": "x",
    }
    assert found.place is not None
    assert found.place.line == 9


def test_documents_keep_their_order_around_the_cluster() -> None:
    first, second = "apiVersion: example.org/v1\nkind: A\n", "apiVersion: v1\nkind: B\n"
    found = parse(f"{first}---\n{CLUSTER}---\n{second}").documents
    assert [item.kind for item in found] == ["A", "B"]


def test_settings_of_a_cluster_runtime_are_handed_on() -> None:
    text = f"{CLUSTER}---\napiVersion: sealer.cloud/v1\nkind: RuntimeConfig\nspec: {{data: 1}}\n"
    (found,) = parse(text).documents
    assert (found.api_version, found.kind) == ("sealer.io/v1", "RuntimeConfig")
    assert found.data["spec"] == {"data": 1}


def test_an_unknown_kind_or_version_of_sealer_is_an_error() -> None:
    assert problems_of(CLUSTER.replace("kind: Cluster", "kind: Cluter")) == [
        (2, 7, "kind Cluter is not known")
    ]
    assert hints_of(CLUSTER.replace("kind: Cluster", "kind: Cluter")) == ["did you mean Cluster?"]
    text = CLUSTER.replace("sealer.io/v2", "sealer.io/v1")
    assert problems_of(text) == [(1, 13, "apiVersion has version v1 for a Cluster")]


def test_a_misspelt_group_is_not_taken_for_a_document_of_others() -> None:
    text = CLUSTER.replace("sealer.io", "seler.io")
    assert hints_of(text) == ["did you mean sealer.io/v2?"]
    strangers = "---\napiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\n"
    assert [item.kind for item in parse(CLUSTER + strangers).documents] == ["Cluster"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "there is no document of kind Cluster"),
        ("- a\n", 1, 1, "a document must be a mapping"),
        ("kind: Cluster\n", 1, 1, "apiVersion is missing"),
        ("apiVersion: v1\n", 1, 1, "kind is missing"),
        (f"{CLUSTER}---\n{CLUSTER}", 7, 1, "there are two documents of kind Cluster, the first in line 1"),
        ("a: 1\na: 2\napiVersion: v1\nkind: A\n", 2, 1, "a is written twice, first in line 1"),
        ("a: !!binary aaaa\napiVersion: v1\nkind: A\n", 1, 4, "the tag !!binary is not known here"),
        ("[a]: 1\napiVersion: v1\nkind: A\n", 1, 1, "a key must be a text"),
        ('a: "\\0"\napiVersion: v1\nkind: A\n', 1, 4, "this text holds a character that no file can hold"),
        ("a: {<<: 1}\napiVersion: v1\nkind: A\n", 1, 9, "<< takes a mapping or a list of mappings"),
    ],
)
def test_documents_that_are_wrong(text: str, line: int, column: int, message: str) -> None:
    assert (line, column, message) in problems_of(text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1\nb", 2, 2),
        ("a: b: c", 1, 5),
        ("a:\n\t- b", 2, 1),
        ('a: "\\q"', 1, 6),
        ('a: "\\UFFFFFFFF"', 1, 7),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1", 1, 7),
        ("a: *nowhere", 1, 4),
        ("a: &a [*a]", 1, 8),
        ("a: \x07", 1, 4),
        ("\n\na\x00", 3, 2),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, line: int, column: int) -> None:
    assert [found[:2] for found in problems_of(text)] == [(line, column)]


def test_a_variable_without_quotes_in_a_flow_mapping_is_explained() -> None:
    (hint,) = hints_of("a: {b: ${C}}")
    assert hint is not None
    assert "quotes" in hint


def test_anchors_and_merges() -> None:
    text = (
        "apiVersion: v1\nkind: A\n"
        "base: &base {a: 1, b: 2}\nsame: *base\nmore: {<<: *base, b: 3}\nboth: {<<: [*base, {a: 9, c: 4}]}\n"
    )
    (found,) = parse(f"{CLUSTER}---\n{text}").documents
    assert found.data["same"] == {"a": 1, "b": 2}
    assert found.data["more"] == {"a": 1, "b": 3}
    assert found.data["both"] == {"a": 1, "b": 2, "c": 4}


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "more than 100000 entries" in errors_of("\n".join(lines)).problems[-1].message


def test_depth_and_size_are_bounded() -> None:
    assert "deeper than 64 levels" in problems_of("[" * 100_000)[0][2]
    assert problems_of("# " + "x" * (1 << 20)) == [(1, 1, "the file is larger than 1 MiB")]


def test_the_excerpt_shows_the_line_also_behind_unusual_line_breaks() -> None:
    text = document("image: a\r\n  # \u2028  hots: 1\r\n")
    (problem,) = errors_of(text).problems
    assert problem.place.excerpt() == "    hots: 1\n    ^"


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "Clusterfile"
    file.write_text("\ufeff" + CLUSTER, encoding="utf-8")
    assert read_clusterfile(file, {}) == parse_clusterfile(CLUSTER, "", {})
    with pytest.raises(UsageError, match="No such file"):
        read_clusterfile(tmp_path / "none", {})
    file.write_bytes(b"a: b\nc: \xff\xfe")
    with pytest.raises(SourceErrors, match=r":2:4: byte 0xff is no UTF-8"):
        read_clusterfile(file, {})
