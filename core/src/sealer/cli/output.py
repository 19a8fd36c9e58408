"""Writes results to standard output: tables for people, JSON and YAML for programs."""

from __future__ import annotations

import enum
import json
import unicodedata
from collections.abc import Mapping, Sequence

import click


class Format(enum.StrEnum):
    """What ``-o`` takes."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def print_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], form: Format) -> None:
    """Print a list of records.

    Args:
        rows: The records, as plain data; programs get all of it.
        columns: The keys that a table shows, in order; its header is the keys in capitals.
        form: How.
    """
    if form is Format.TABLE:
        click.echo(table(rows, columns))
    else:
        print_document([dict(row) for row in rows], form)


def print_document(document: object, form: Format) -> None:
    """Print plain data as one JSON or YAML document; as a table it is YAML, which people can read."""
    if form is Format.JSON:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    import yaml

    click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Return the rows as aligned columns under a header; what is absent or empty is a dash."""
    cells = [[column.replace("_", " ").upper() for column in columns]]
    cells += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(_width(line[index]) for line in cells) for index in range(len(columns))]
    return "\n".join(
        "   ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return "-" if value is None or value == "" else " ".join(str(value).split())


def _width(text: str) -> int:
    """Return the number of columns a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
