"""docs/plugins.md names every hook and every method of a provider, with its exact signature."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import sealer.changes
from sealer import hookspecs, providers

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")


def signature(function: ast.FunctionDef) -> str:
    arguments = ast.unparse(function.args).removeprefix("self").removeprefix(", ")
    assert function.returns is not None
    return f"{function.name}({arguments}) -> {ast.unparse(function.returns)}"


def functions(nodes: Iterable[ast.stmt]) -> list[ast.FunctionDef]:
    return [node for node in nodes if isinstance(node, ast.FunctionDef)]


def hooks() -> list[str]:
    tree = ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8"))
    return [signature(function) for function in functions(tree.body)]


def methods() -> list[str]:
    """Return the methods of providers; Protocols and values in the same module are no providers."""
    files = sorted(Path(providers.__file__).parent.glob("*.py"))
    nodes = [node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body]
    return [
        f"{node.name}.{signature(function)}"
        for node in nodes
        if isinstance(node, ast.ClassDef)
        if node.name.startswith("Supports") or issubclass(getattr(providers, node.name), providers.Provider)
        for function in functions(node.body)
    ]


def headings() -> set[str]:
    return set(re.findall(r"^#{3,4} (.+)$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("hook", hooks())
def test_a_hook_has_a_heading_with_its_signature(hook: str) -> None:
    assert hook in headings()


@pytest.mark.parametrize("method", methods())
def test_a_method_of_a_provider_has_a_heading_with_its_signature(method: str) -> None:
    assert method in headings()


def test_no_heading_describes_what_is_gone() -> None:
    described = {heading for heading in headings() if "(" in heading}
    assert described == {*hooks(), *methods()}


def test_links_within_the_page_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]
)
def test_links_to_files_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_every_change_is_mentioned() -> None:
    classes = {name for name in sealer.changes.__all__ if name[0].isupper()} - {"Blob", "LayerBlob", "Output"}
    missing = {name for name in classes if f"`{name}`" not in PAGE and not name.startswith("Owned")}
    assert missing == set()


def test_the_page_lists_what_plugins_may_import() -> None:
    assert sealer.__doc__ is not None
    public = set(re.findall(r"``(sealer\.\w+)``", sealer.__doc__))
    assert public >= {"sealer.errors", "sealer.testing"}
    assert {name for name in public if f"`{name}`" not in PAGE} == set()
