"""The table of faults is what the documentation shows, and every row of it has a test."""

from __future__ import annotations

from pathlib import Path

from tests.lab.faults.table import FAULTS, table

TESTS = Path(__file__).parents[1]


def test_the_documentation_shows_the_table() -> None:
    page = (TESTS.parent / "docs/faults.md").read_text()
    shown = "".join(line for line in page.splitlines(keepends=True) if line.startswith("|"))
    assert shown == table()


def test_every_fault_has_a_test() -> None:
    lab = TESTS / "lab"
    files = [*lab.glob("test_*.py"), *lab.glob("faults/test_*.py"), lab / "faults/apart.py"]
    text = "".join(file.read_text() for file in files)
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
