"""The commands that README, the pages of docs/, scripts/demo and the examples show are ones that exist."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import click
import pytest

from sealer.cli.program import root

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "scripts/demo", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/Kubefile")]
)


def shown(page: Path) -> list[str]:
    """Return the command lines of a page: `sealer ...` in code, at a prompt, or in quotes of the demo."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(
        r"""^(?:    |\$ |#   |show |site ['"]|    scripts/demo site )(sealer .*)$""", text, re.MULTILINE
    )
    ends = r"""\s(?:#|>|\|).*|['"]$"""
    return [re.sub(ends, "", line) for line in lines if "..." not in line]


def parse(words: list[str]) -> None:
    """Parse a command line as the program does, and carry nothing out.

    Raises:
        click.UsageError: A command, an option, an argument or a value is none that it takes.
    """
    name, command = "sealer", root
    context: click.Context | None = None
    while True:
        context = command.make_context(name, words, parent=context)
        if not isinstance(command, click.Group):
            return
        found, subcommand, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        assert subcommand is not None
        name, command = found, subcommand


@pytest.mark.parametrize(
    ("page", "line"), [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in shown(page)]
)
def test_a_command_that_is_shown_is_one_that_the_program_takes(
    page: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del page
    monkeypatch.chdir(ROOT)
    known = re.sub(r"\$[A-Z_]+[\w/]*", ".", line)  # what a variable names is there for who sets it
    with contextlib.suppress(click.exceptions.Exit):  # --version and --help are done when they are parsed
        parse(shlex.split(known)[1:])


@pytest.mark.parametrize(
    "line", ["sealer rum x", "sealer run --node 10.0.0.1 x", "sealer tag", "sealer run --port none x"]
)
def test_a_command_that_the_program_does_not_take_would_be_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(shlex.split(line)[1:])


def test_the_pages_show_commands() -> None:
    assert {page.name for page in PAGES if shown(page)} >= {
        "README.md",
        "demo",
        "getting-started.md",
        "kubefile.md",
    }
