"""Tables for people, JSON and YAML for programs."""

from __future__ import annotations

import json

import pytest
import yaml

from sealer.cli.output import Format, print_document, print_rows, table

ROWS: list[dict[str, object]] = [
    {"name": "café", "size": 3, "tags": ["a", "b"], "hidden": True},
    {"name": "日本", "size": None},
]


def test_a_table_has_a_header_aligned_columns_and_dashes_for_what_is_absent() -> None:
    assert table(ROWS, ["name", "size", "tags"]) == (
        "NAME   SIZE   TAGS\n"
        "café   3      a, b\n"
        "日本   -      -"
    )  # fmt: skip


def test_a_table_without_rows_is_its_header() -> None:
    assert table([], ["image_id", "name"]) == "IMAGE ID   NAME"


def test_a_line_break_in_a_cell_does_not_break_the_table() -> None:
    assert table([{"error": "a\n  b"}], ["error"]) == "ERROR\na b"


@pytest.mark.parametrize(("form", "load"), [(Format.JSON, json.loads), (Format.YAML, yaml.safe_load)])
def test_programs_get_the_whole_record(
    form: Format, load: object, capsys: pytest.CaptureFixture[str]
) -> None:
    print_rows(ROWS, ["name"], form)
    assert load(capsys.readouterr().out) == ROWS  # type: ignore[operator]  # one of the two parsers


@pytest.mark.parametrize(("form", "load"), [(Format.JSON, json.loads), (Format.YAML, yaml.safe_load)])
def test_a_document_survives_printing(form: Format, load: object, capsys: pytest.CaptureFixture[str]) -> None:
    document = {"b": [1, {"a": None}], "a": "é: #"}
    print_document(document, form)
    assert load(capsys.readouterr().out) == document  # type: ignore[operator]  # one of the two parsers
