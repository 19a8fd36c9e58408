"""The commands that hints of errors name are ones that exist, with their options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .commands import ALL

ROOT = Path(__file__).parents[3]
SOURCES = sorted([*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])
COMMAND = re.compile(r"\bsealer ((?:[a-z][a-z-]*)(?: (?!or\b|and\b|sealer\b)[^\s;:,]+)*)")


def texts(file: Path) -> Iterator[str]:
    """Yield the texts in a module, with a word for each value that is filled in, but for docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and id(node) not in explained | inside:
            yield str(node.value)


def named() -> set[str]:
    """Return what texts say after ``sealer`` that is meant as a command: a verb, or a word with options."""
    return {
        match[1]
        for file in SOURCES
        for text in texts(file)
        for match in COMMAND.finditer(text)
        if match[1].split()[0] in {name.split()[0] for name in ALL} or " -" in match[1]
    }


@pytest.mark.parametrize("words", sorted(named()))
def test_a_command_in_a_hint_exists_with_its_options(words: str) -> None:
    first, *rest = words.split()
    name = f"{first} {rest[0]}" if rest and f"{first} {rest[0]}" in ALL else first
    options = {word.partition("=")[0] for word in rest if word.startswith("-") and word.strip("-…")}
    if name not in ALL:
        assert not options
        assert any(known.startswith(f"{first} ") for known in ALL), words
        return
    known = {opt for option in ALL[name].params for opt in (*option.opts, *option.secondary_opts)}
    assert options - known == set()


def test_hints_name_commands() -> None:
    assert {words.split()[0] for words in named()} >= {"resume", "delete", "run", "plan", "reset"}
